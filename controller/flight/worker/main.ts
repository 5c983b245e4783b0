/** Entry of a sandbox worker: takes one run after the other, and asks the host while a flight waits. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type {
  AnswerMessage,
  ModuleKind,
  Outcome,
  Question,
  RunMessage,
  WorkerData,
  WorkerMessage,
} from "../protocol.ts";
import { type Engine, RunFailure } from "./engine.ts";
import { createJavaScriptEngine } from "./javascript.ts";
import { createWasmEngine } from "./wasm.ts";

const { quickjs, answers, signal } = workerData as WorkerData;
const counter = new Int32Array(signal);
const engines: Readonly<Record<ModuleKind, Engine>> = {
  javascript: createJavaScriptEngine(quickjs),
  wasm: createWasmEngine(),
};

parentPort?.on("message", (message: RunMessage) => void serve(message));

async function serve(message: RunMessage): Promise<void> {
  for (const key of message.forget) for (const engine of Object.values(engines)) engine.forget(key);
  const engine = engines[message.kind];
  await engine.ready;
  post({ type: "started", id: message.id });
  const started = performance.now();
  const outcome = await outcomeOf(engine, message, started + (message.timeoutMs ?? Infinity));
  const milliseconds = performance.now() - started;
  post({ type: "done", id: message.id, outcome, milliseconds, worn: engine.worn });
}

async function outcomeOf(engine: Engine, message: RunMessage, deadline: number): Promise<Outcome> {
  try {
    const output = await engine.run({ ...message, deadline, ask: question => ask(message.id, question, deadline) });
    return { ok: true, output };
  } catch (error) {
    if (error instanceof RunFailure) return { ok: false, failure: error.failure };
    return {
      ok: false,
      failure: { code: "FLIGHT_CRASHED", why: error instanceof Error ? error.message : String(error) },
    };
  }
}

/** Blocks this thread until the host has answered. */
function ask(id: number, question: Question, deadline: number): string {
  let seen = Atomics.load(counter, 0);
  post({ type: "ask", id, question });
  for (;;) {
    const answer = takeAnswer(id);
    if (answer) {
      if (answer.text === undefined) throw new RunFailure({ code: "FLIGHT_CRASHED", why: "its question was refused" });
      return answer.text;
    }
    const left = deadline - performance.now();
    if (left <= 0 || Atomics.wait(counter, 0, seen, left) === "timed-out") {
      throw new RunFailure({ code: "FLIGHT_TIMEOUT" });
    }
    seen = Atomics.load(counter, 0);
  }
}

/** Answers to earlier runs, which were not waited for, are dropped. */
function takeAnswer(id: number): AnswerMessage | undefined {
  for (;;) {
    const received: { message: AnswerMessage } | undefined = receiveMessageOnPort(answers);
    if (!received || received.message.id === id) return received?.message;
  }
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
