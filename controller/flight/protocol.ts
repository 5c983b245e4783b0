/**
 * What host and worker say to each other. One run at a time per worker.
 *
 * While a flight asks, its worker is blocked: it waits on `signal` and then takes the answer from its own port, so
 * that the guest's call is synchronous.
 */
import type { MessagePort } from "node:worker_threads";
import type { LookupRequest, RestMappingRequest } from "./lookup.ts";

export type ModuleKind = "javascript" | "wasm";

/** Given to a worker at its birth. */
export interface WorkerData {
  /** QuickJS itself, compiled once per process. */
  readonly quickjs: WebAssembly.Module;
  readonly answers: MessagePort;
  /** One Int32: raised by one and notified after each answer was posted. */
  readonly signal: SharedArrayBuffer;
}

export interface RunMessage {
  readonly id: number;
  /** Equal keys are equal programs. */
  readonly key: string;
  readonly kind: ModuleKind;
  /** Absent when this worker has been given it before. */
  readonly program: Uint8Array | WebAssembly.Module | undefined;
  readonly stdin: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Everything included; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly maxMemoryMib: number;
  /** Makes the program ready and does not call it; the output is empty. */
  readonly onlyPrepare: boolean;
  /** Keys of programs that this worker will not be asked for again. */
  readonly forget: readonly string[];
}

export type Question =
  | { readonly type: "lookup"; readonly request: LookupRequest }
  | ({ readonly type: "rest-mapping" } & RestMappingRequest);

/** The answer as JSON text, which goes to the guest unread; `undefined`: there is none, stop the run. */
export interface AnswerMessage {
  readonly id: number;
  readonly text: string | undefined;
}

export type Failure =
  | { readonly code: "FLIGHT_BAD_MODULE"; readonly why: string }
  | { readonly code: "FLIGHT_FAILED"; readonly what: string }
  | { readonly code: "FLIGHT_TIMEOUT" }
  | { readonly code: "FLIGHT_OUT_OF_MEMORY"; readonly limitMib: number }
  | { readonly code: "FLIGHT_OUTPUT_TOO_LARGE"; readonly size: number; readonly limit: number }
  | { readonly code: "FLIGHT_CRASHED"; readonly why: string };

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Outcome =
  | { readonly ok: true; readonly output: Output }
  | { readonly ok: false; readonly failure: Failure };

export type WorkerMessage =
  /** From here on the time of the run counts: the thread and its engine are ready. */
  | { readonly type: "started"; readonly id: number }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  | {
      readonly type: "done";
      readonly id: number;
      readonly outcome: Outcome;
      readonly milliseconds: number;
      /** True: the thread is to run nothing more. */
      readonly worn: boolean;
    };

/** Characters of stdout that a flight may write. etcd takes 1.5 MiB per object. */
export const maxOutput = 16 * 1024 * 1024;
/** Characters of stderr that are kept; the rest is cut off (see cut.ts). */
export const maxStderr = 64 * 1024;
/** Characters of each word of a question that are kept: more than any name has. */
export const maxWord = 1024;
