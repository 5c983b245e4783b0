/** Entry of a sandbox worker: takes one run after the other, and asks the host while a flight waits. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { AnswerMessage, Outcome, Question, RunMessage, WorkerData, WorkerMessage } from "../protocol.ts";
import { type Engine, RunFailure } from "./engine.ts";
import { createJavaScriptEngine } from "./javascript.ts";

const { quickjs, answers, signal } = workerData as WorkerData;
const counter = new Int32Array(signal);
const javascript = createJavaScriptEngine(quickjs);

parentPort?.on("message", (message: RunMessage) => void serve(message));

async function serve(message: RunMessage): Promise<void> {
  for (const digest of message.forget) javascript.forget(digest);
  const started = performance.now();
  const outcome = await outcomeOf(message, started + (message.timeoutMs ?? Infinity));
  const milliseconds = performance.now() - started;
  post({ type: "done", id: message.id, outcome, milliseconds, worn: javascript.worn });
}

async function outcomeOf(message: RunMessage, deadline: number): Promise<Outcome> {
  try {
    const engine = engineFor(message);
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

function engineFor({ kind }: RunMessage): Engine {
  if (kind === "javascript") return javascript;
  throw new RunFailure({ code: "FLIGHT_KIND_UNSUPPORTED", kind });
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
