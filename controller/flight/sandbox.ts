/**
 * Runs flights: untrusted programs, each in a fresh state, with no network, files, clock or environment of their own.
 *
 * A pool of worker threads. Each run has one to itself; while a flight looks something up, its worker waits.
 * Promises: a run ends within its time-out (and 100 ms, where its thread has to be terminated); its memory is bounded;
 * nothing that it does is seen by the next.
 */
import { availableParallelism } from "node:os";
import { quickjsModule } from "./assets.ts";
import { goDuration } from "./duration.ts";
import { errors } from "./errors.ts";
import type { FlightModule } from "./loader.ts";
import { type Program, Programs } from "./programs.ts";
import type { Failure } from "./protocol.ts";
import { type Answers, Questions } from "./questions.ts";
import { SandboxWorker } from "./sandbox-worker.ts";
import { Turns } from "./turns.ts";

export type { FlightModule } from "./loader.ts";
export type { LookupAnswer, LookupRequest, RestMapping, RestMappingAnswer, RestMappingRequest } from "./lookup.ts";

/** A rejection of `lookup` or `restMapping` ends the run with the same error. */
export interface FlightRun extends Answers {
  /** Who shares turns with whom: the Airway, say. No group keeps another from running. */
  readonly group?: string;
  readonly module: FlightModule;
  readonly stdin: string;
  readonly args: readonly string[];
  /** All of the flight's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Covers everything but the wait for a free worker; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  /**
   * Memory of the flight. A WebAssembly flight gets no more than 4096. A JavaScript flight gets no less than 16 and no
   * more than 2048; where an Airway says nothing (0, or 4096 which stands for it) 128, so that a few runaway flights at
   * a time do not fill a small container.
   */
  readonly maxMemoryMib: number;
}

/** How a flight ended that was not stopped: with an exit code other than 0, its output may still hold a status. */
export interface FlightResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start in the worker to the end, lookups included. */
  readonly milliseconds: number;
  /** Before that, for a worker. */
  readonly waitedMilliseconds: number;
}

export interface SandboxStats {
  readonly workers: number;
  readonly running: number;
  readonly queued: number;
  /** Milliseconds that the oldest of the queue has waited for a worker. */
  readonly longestWait: number;
  /** Workers that had to be replaced: terminated at a time-out, grown too large, or dead. */
  readonly lost: number;
}

export interface Sandbox {
  /**
   * @throws FLIGHT_BAD_MODULE, FLIGHT_FAILED, FLIGHT_TIMEOUT, FLIGHT_OUT_OF_MEMORY,
   *   FLIGHT_OUTPUT_TOO_LARGE, FLIGHT_TOO_MANY_LOOKUPS, FLIGHT_CRASHED, FLIGHT_SANDBOX_CLOSED; the signal's reason when aborted
   */
  run(run: FlightRun, signal?: AbortSignal): Promise<FlightResult>;
  /**
   * Shows that a module can be run, without a run: WebAssembly is compiled, JavaScript evaluated. What it does when it
   * is called remains to be seen.
   * @throws what `run` throws
   */
  prepare(module: FlightModule): Promise<void>;
  stats(): SandboxStats;
  /** Ends running flights with FLIGHT_SANDBOX_CLOSED. */
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** Flights of one group that run at a time; one more is for the others. */
  readonly workers?: number;
}

export function createSandbox(options: SandboxOptions = {}): Sandbox {
  return new Pool(options.workers ?? Math.min(8, Math.max(2, availableParallelism())));
}

/** See `FlightRun.maxMemoryMib`. */
const unboundedMib = 4096;
const javascriptMib = 128;

interface PoolRun extends FlightRun {
  readonly onlyPrepare: boolean;
}

/** More than flights have as a rule: whether it is enough for this one, its first run tells. */
const preparationLimits = { timeoutMs: 30_000, maxMemoryMib: 1024 };

function preparation(module: FlightModule): PoolRun {
  const lookup = async () => ({ state: "error" as const, message: "nothing can be looked up before a render" });
  return { module, stdin: "", args: [], env: {}, ...preparationLimits, onlyPrepare: true, lookup };
}

class Pool implements Sandbox {
  readonly #turns: Turns;
  readonly #programs = new Programs();
  readonly #workers = new Set<SandboxWorker>();
  readonly #idle = new Set<SandboxWorker>();
  #lost = 0;
  #closed = false;

  constructor(size: number) {
    this.#turns = new Turns(size);
  }

  run(run: FlightRun, signal?: AbortSignal): Promise<FlightResult> {
    return this.#queue({ ...run, onlyPrepare: false }, signal);
  }

  async prepare(module: FlightModule): Promise<void> {
    if (module.kind === "wasm") await this.#programs.of(module, unboundedMib);
    else await this.#queue(preparation(module));
  }

  async #queue(run: PoolRun, signal?: AbortSignal): Promise<FlightResult> {
    const quickjs = await quickjsModule();
    const program = await this.#programs.of(run.module, memoryOf(run));
    signal?.throwIfAborted();
    if (this.#closed) throw errors.FLIGHT_SANDBOX_CLOSED({});
    const { group = "" } = run;
    const queued = performance.now();
    await this.#turns.take(group, signal);
    try {
      signal?.throwIfAborted();
      const waitedMilliseconds = performance.now() - queued;
      return { ...(await this.#runOn(this.#take(program, quickjs), program, run, signal)), waitedMilliseconds };
    } finally {
      this.#turns.pass(group);
    }
  }

  stats(): SandboxStats {
    const { running, queued, longestWait } = this.#turns;
    return { workers: this.#workers.size, running, queued, longestWait, lost: this.#lost };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#turns.reject(errors.FLIGHT_SANDBOX_CLOSED({}));
    await Promise.all([...this.#workers].map(worker => worker.stop({ code: "FLIGHT_CRASHED", why: "closed" })));
  }

  async #runOn(
    worker: SandboxWorker,
    program: Program,
    run: PoolRun,
    signal: AbortSignal | undefined,
  ): Promise<Omit<FlightResult, "waitedMilliseconds">> {
    const questions = new Questions(run);
    const abort = () => void worker.stop({ code: "FLIGHT_CRASHED", why: "cancelled" });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const { outcome, milliseconds } = await worker.run({
        ...run,
        kind: run.module.kind,
        program,
        maxMemoryMib: memoryOf(run),
        answer: question => questions.answer(question),
      });
      if (outcome.ok) return { ...outcome.output, milliseconds };
      signal?.throwIfAborted();
      throw this.#closed ? errors.FLIGHT_SANDBOX_CLOSED({}) : errorOf(outcome.failure, run);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#giveBack(worker);
    }
  }

  /** An idle worker, if possible one that has the program ready; else a new one. */
  #take(program: Program, quickjs: WebAssembly.Module): SandboxWorker {
    for (const worker of this.#idle) if (!worker.usable) this.#drop(worker);
    const idle = [...this.#idle].find(worker => worker.has(program)) ?? this.#idle.values().next().value;
    const worker = idle ?? new SandboxWorker(quickjs);
    this.#idle.delete(worker);
    this.#workers.add(worker);
    return worker;
  }

  #giveBack(worker: SandboxWorker): void {
    if (worker.usable) this.#idle.add(worker);
    else this.#drop(worker);
  }

  #drop(worker: SandboxWorker): void {
    this.#idle.delete(worker);
    this.#workers.delete(worker);
    this.#lost += 1;
  }
}

function memoryOf({ module, maxMemoryMib }: FlightRun): number {
  const unsaid = maxMemoryMib === 0 || maxMemoryMib >= unboundedMib;
  if (!unsaid) return maxMemoryMib;
  return module.kind === "javascript" ? javascriptMib : unboundedMib;
}

function errorOf(failure: Failure, run: FlightRun): Error {
  switch (failure.code) {
    case "FLIGHT_BAD_MODULE":
      return errors.FLIGHT_BAD_MODULE(failure);
    case "FLIGHT_FAILED":
      return errors.FLIGHT_FAILED(failure);
    case "FLIGHT_TIMEOUT":
      return errors.FLIGHT_TIMEOUT({ limit: goDuration(run.timeoutMs ?? 0) });
    case "FLIGHT_OUT_OF_MEMORY":
      return errors.FLIGHT_OUT_OF_MEMORY(failure);
    case "FLIGHT_OUTPUT_TOO_LARGE":
      return errors.FLIGHT_OUTPUT_TOO_LARGE(failure);
    case "FLIGHT_CRASHED":
      return errors.FLIGHT_CRASHED(failure);
  }
}
