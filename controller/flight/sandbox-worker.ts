/**
 * The host's end of one worker thread: at most one run at a time, its questions answered, its time kept.
 *
 * The worker ends a run that is out of time itself, where the guest lets it. Where the guest does not (a regular
 * expression that backtracks, say), the thread is terminated.
 */
import { MessageChannel, Worker } from "node:worker_threads";
import { workerUrl } from "./assets.ts";
import type { Program } from "./programs.ts";
import type {
  AnswerMessage,
  Failure,
  ModuleKind,
  Outcome,
  Question,
  RunMessage,
  WorkerData,
  WorkerMessage,
} from "./protocol.ts";

/** How much longer than its limit a run may take before its thread is terminated. */
const graceMs = 100;
/** Programs that a worker keeps ready. */
const keptPrograms = 16;

export interface WorkerRun {
  readonly kind: ModuleKind;
  readonly program: Program;
  readonly stdin: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly maxMemoryMib: number;
  readonly onlyPrepare: boolean;
  /** Resolves to JSON text. */
  answer(question: Question): Promise<string>;
}

export interface Done {
  readonly outcome: Outcome;
  readonly milliseconds: number;
}

interface Current {
  readonly id: number;
  readonly run: WorkerRun;
  readonly started: number;
  readonly settle: PromiseWithResolvers<Done>;
  hardStop?: NodeJS.Timeout;
  /** Why a question could not be answered; the run ends with it. */
  refused?: { readonly error: unknown };
}

export class SandboxWorker {
  readonly #thread: Worker;
  readonly #answers = new MessageChannel();
  readonly #signal = new Int32Array(new SharedArrayBuffer(4));
  /** Keys of the programs that the thread has; the one used last is at the end. */
  readonly #programs = new Set<string>();
  #current: Current | undefined;
  #nextId = 1;
  #gone = false;

  constructor(quickjs: WebAssembly.Module) {
    this.#thread = new Worker(workerUrl(), {
      workerData: { quickjs, answers: this.#answers.port2, signal: this.#signal.buffer } satisfies WorkerData,
      transferList: [this.#answers.port2],
      env: {},
      execArgv: [],
      resourceLimits: { stackSizeMb: 16, maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    });
    this.#thread.on("message", (message: WorkerMessage) => this.#onMessage(message));
    this.#thread.on("error", error => this.#onGone(error instanceof Error ? error.message : String(error)));
    this.#thread.on("exit", code => this.#onGone(`its thread ended with code ${code}`));
    this.#thread.unref();
    this.#answers.port1.unref();
  }

  /** False: the thread has ended, or is ending; the worker takes no more runs. */
  get usable(): boolean {
    return !this.#gone;
  }

  has({ key }: Program): boolean {
    return this.#programs.has(key);
  }

  /** Never rejects for what the flight does; rejects with the error of `run.answer`. */
  run(run: WorkerRun): Promise<Done> {
    const current: Current = {
      id: this.#nextId++,
      run,
      started: performance.now(),
      settle: Promise.withResolvers<Done>(),
    };
    this.#current = current;
    this.#thread.ref();
    this.#thread.postMessage({
      id: current.id,
      key: run.program.key,
      kind: run.kind,
      program: this.has(run.program) ? undefined : run.program.content,
      stdin: run.stdin,
      args: run.args,
      env: run.env,
      timeoutMs: run.timeoutMs,
      maxMemoryMib: run.maxMemoryMib,
      onlyPrepare: run.onlyPrepare,
      forget: this.#remember(run.program),
    } satisfies RunMessage);
    return current.settle.promise;
  }

  /** Ends the thread, whatever it is doing; a run in it ends with `failure`. */
  async stop(failure: Failure): Promise<void> {
    this.#gone = true;
    this.#finish({ ok: false, failure });
    await this.#thread.terminate();
  }

  /** Returns the keys that the thread is to forget. */
  #remember({ key }: Program): string[] {
    this.#programs.delete(key);
    this.#programs.add(key);
    const forget = [...this.#programs].slice(0, Math.max(0, this.#programs.size - keptPrograms));
    for (const old of forget) this.#programs.delete(old);
    return forget;
  }

  #onMessage(message: WorkerMessage): void {
    const current = this.#current;
    if (current?.id !== message.id) return;
    if (message.type === "started") {
      const { timeoutMs } = current.run;
      if (timeoutMs === undefined) return;
      current.hardStop = setTimeout(() => this.stop({ code: "FLIGHT_TIMEOUT" }), timeoutMs + graceMs);
      return;
    }
    if (message.type === "done") {
      this.#gone ||= message.worn;
      this.#finish(message.outcome, message.milliseconds);
      if (message.worn) void this.#thread.terminate();
      return;
    }
    current.run.answer(message.question).then(
      text => this.#answer({ id: message.id, text }),
      (error: unknown) => {
        current.refused = { error };
        this.#answer({ id: message.id, text: undefined });
      },
    );
  }

  #answer(message: AnswerMessage): void {
    this.#answers.port1.postMessage(message);
    Atomics.add(this.#signal, 0, 1);
    Atomics.notify(this.#signal, 0);
  }

  #finish(outcome: Outcome, milliseconds?: number): void {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    clearTimeout(current.hardStop);
    this.#thread.unref();
    if (current.refused) current.settle.reject(current.refused.error);
    else current.settle.resolve({ outcome, milliseconds: milliseconds ?? performance.now() - current.started });
  }

  #onGone(why: string): void {
    this.#gone = true;
    this.#answers.port1.close();
    this.#finish({ ok: false, failure: { code: "FLIGHT_CRASHED", why } });
  }
}
