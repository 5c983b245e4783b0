/** What each kind of flight brings to a worker. Nothing of one run is left for the next. */
import type { Failure, Output, Question } from "../protocol.ts";

/** A run that did not end with an output. */
export class RunFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

export interface EngineRun {
  readonly key: string;
  /** Absent: the engine has kept what it made of it under `key`. */
  readonly program: Uint8Array | WebAssembly.Module | undefined;
  readonly stdin: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly maxMemoryMib: number;
  readonly onlyPrepare: boolean;
  /** `performance.now()` value; Infinity: no limit. */
  readonly deadline: number;
  /** Blocks until the host has answered; JSON text. Throws RunFailure when the run is over. */
  ask(question: Question): string;
}

export interface Engine {
  /** Resolves when runs can begin. */
  readonly ready: Promise<unknown>;
  /** @throws RunFailure */
  run(run: EngineRun): Promise<Output>;
  forget(key: string): void;
  /** True: a run has left what the engine cannot undo; the worker is to be replaced. */
  readonly worn: boolean;
}
