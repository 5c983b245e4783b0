/**
 * WASI preview 1 as a flight needs it: stdin, stdout, stderr, arguments, environment, clocks, sleep and randomness.
 * There are no files and no sockets; a call about them answers "bad descriptor" or "not supported".
 *
 * Source: WASI snapshot preview 1, witx description.
 */
import { randomFillSync } from "node:crypto";
import { cutMark } from "../cut.ts";
import { maxOutput, maxStderr } from "../protocol.ts";
import { RunFailure } from "./engine.ts";
import { Sink } from "./sink.ts";

/** Thrown by `proc_exit`, through the guest's frames. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

export interface WasiOptions {
  readonly stdin: Uint8Array;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `performance.now()` value at which a sleep ends the run. */
  readonly deadline: number;
  memory(): DataView;
}

const ok = 0;
const badDescriptor = 8;
const fault = 21;
const invalid = 28;
const notSupported = 52;
const illegalSeek = 70;

/** Character device; what stdin, stdout and stderr are. */
const characterDevice = 2;
const monotonicClock = 1;
const clockEvent = 0;
const absoluteTime = 1;
/** Sizes of a subscription and of an event of `poll_oneoff`. */
const subscriptionBytes = 48;
const eventBytes = 32;
/** At a time; programs wait for one or two. */
const mostSubscriptions = 1024;

type Call = (...args: never[]) => number;

export class Wasi {
  readonly #options: WasiOptions;
  readonly #stdout = new Sink(maxOutput);
  readonly #stderr = new Sink(maxStderr);
  #read = 0;

  constructor(options: WasiOptions) {
    this.#options = options;
  }

  get stdout(): string {
    return this.#stdout.text();
  }

  get stderr(): string {
    return this.#stderr.text() + (this.#stderr.overflown ? cutMark : "");
  }

  /** A function of the import module `wasi_snapshot_preview1`; what is not built answers "not supported". */
  call(name: string): Call {
    const call = this.#calls.get(name);
    if (!call) return () => notSupported;
    return (...args) => {
      try {
        return call(...args);
      } catch (error) {
        if (isOutOfBounds(error)) return fault;
        throw error;
      }
    };
  }

  readonly #calls: ReadonlyMap<string, Call> = new Map(
    Object.entries({
      args_sizes_get: (count: number, size: number) => this.#sizes(this.#options.args, count, size),
      args_get: (pointers: number, buffer: number) => this.#strings(this.#options.args, pointers, buffer),
      environ_sizes_get: (count: number, size: number) => this.#sizes(this.#environ(), count, size),
      environ_get: (pointers: number, buffer: number) => this.#strings(this.#environ(), pointers, buffer),
      clock_res_get: (_clock: number, out: number) => this.#put64(out, 1n),
      clock_time_get: (clock: number, _precision: bigint, out: number) => this.#put64(out, now(clock)),
      fd_close: () => ok,
      fd_fdstat_get: (fd: number, out: number) => this.#describe(fd, out, 24),
      fd_fdstat_set_flags: () => ok,
      fd_filestat_get: (fd: number, out: number) => this.#describe(fd, out, 64),
      fd_prestat_get: () => badDescriptor,
      fd_prestat_dir_name: () => badDescriptor,
      fd_read: (fd: number, vectors: number, count: number, out: number) => this.#readInto(fd, vectors, count, out),
      fd_seek: (fd: number) => (fd <= 2 ? illegalSeek : badDescriptor),
      fd_write: (fd: number, vectors: number, count: number, out: number) => this.#write(fd, vectors, count, out),
      poll_oneoff: (subscriptions: number, events: number, count: number, out: number) =>
        this.#poll(subscriptions, events, count, out),
      proc_exit: (code: number) => {
        throw new Exit(code >>> 0);
      },
      random_get: (at: number, length: number) => {
        randomFillSync(this.#bytes(at, length));
        return ok;
      },
      sched_yield: () => ok,
    } satisfies Record<string, Call>),
  );

  #environ(): string[] {
    return Object.entries(this.#options.env).map(([name, value]) => `${name}=${value}`);
  }

  #bytes(at: number, length: number): Uint8Array {
    const { buffer } = this.#options.memory();
    return new Uint8Array(buffer, at >>> 0, length >>> 0);
  }

  #put32(at: number, value: number): number {
    this.#options.memory().setUint32(at >>> 0, value, true);
    return ok;
  }

  #put64(at: number, value: bigint): number {
    this.#options.memory().setBigUint64(at >>> 0, value, true);
    return ok;
  }

  #sizes(strings: readonly string[], count: number, size: number): number {
    this.#put32(count, strings.length);
    return this.#put32(
      size,
      strings.reduce((sum, string) => sum + Buffer.byteLength(string) + 1, 0),
    );
  }

  #strings(strings: readonly string[], pointers: number, buffer: number): number {
    let at = buffer >>> 0;
    for (const [index, string] of strings.entries()) {
      const bytes = Buffer.from(`${string}\0`);
      this.#put32(pointers + 4 * index, at);
      this.#bytes(at, bytes.length).set(bytes);
      at += bytes.length;
    }
    return ok;
  }

  #describe(fd: number, out: number, size: number): number {
    if (fd > 2) return badDescriptor;
    const record = this.#bytes(out, size).fill(0);
    // In fdstat the type is the first byte, in filestat it follows device and inode; rights are all.
    record[size === 24 ? 0 : 16] = characterDevice;
    if (size === 24) record.fill(0xff, 8);
    return ok;
  }

  *#vectors(vectors: number, count: number): Generator<Uint8Array> {
    for (let i = 0; i < count >>> 0; i++) {
      const memory = this.#options.memory();
      const at = (vectors >>> 0) + 8 * i;
      yield this.#bytes(memory.getUint32(at, true), memory.getUint32(at + 4, true));
    }
  }

  #readInto(fd: number, vectors: number, count: number, out: number): number {
    if (fd !== 0) return badDescriptor;
    let total = 0;
    for (const target of this.#vectors(vectors, count)) {
      const part = this.#options.stdin.subarray(this.#read, this.#read + target.length);
      target.set(part);
      this.#read += part.length;
      total += part.length;
    }
    return this.#put32(out, total);
  }

  #write(fd: number, vectors: number, count: number, out: number): number {
    if (fd !== 1 && fd !== 2) return badDescriptor;
    const sink = fd === 1 ? this.#stdout : this.#stderr;
    let total = 0;
    for (const part of this.#vectors(vectors, count)) {
      total += part.length;
      const size = sink.length + part.length;
      if (fd === 1 && size > maxOutput) {
        throw new RunFailure({ code: "FLIGHT_OUTPUT_TOO_LARGE", size, limit: maxOutput });
      }
      sink.write(part);
    }
    return this.#put32(out, total);
  }

  /** Sleeps until the first clock is due; a descriptor is always ready. */
  #poll(subscriptions: number, events: number, count: number, out: number): number {
    if (count <= 0 || count > mostSubscriptions) return invalid;
    const memory = this.#options.memory();
    const waits = Array.from({ length: count }, (_, i) =>
      waitOf(memory, (subscriptions >>> 0) + subscriptionBytes * i),
    );
    const shortest = Math.max(0, Math.min(...waits.map(wait => wait.milliseconds)));
    sleep(shortest, this.#options.deadline);
    const due = waits.filter(wait => wait.milliseconds <= shortest);
    for (const [index, wait] of due.entries()) {
      const at = (events >>> 0) + eventBytes * index;
      this.#bytes(at, eventBytes).fill(0);
      this.#put64(at, wait.userData);
      memory.setUint8(at + 10, wait.type);
    }
    return this.#put32(out, due.length);
  }
}

interface Wait {
  readonly userData: bigint;
  readonly type: number;
  readonly milliseconds: number;
}

function waitOf(memory: DataView, at: number): Wait {
  const userData = memory.getBigUint64(at, true);
  const type = memory.getUint8(at + 8);
  if (type !== clockEvent) return { userData, type, milliseconds: 0 };
  const clock = memory.getUint32(at + 16, true);
  const timeout = memory.getBigUint64(at + 24, true);
  const absolute = (memory.getUint16(at + 40, true) & absoluteTime) !== 0;
  const nanoseconds = absolute ? timeout - now(clock) : timeout;
  return { userData, type, milliseconds: Number(nanoseconds) / 1e6 };
}

/** Blocks the thread. Past the deadline the run ends. */
function sleep(milliseconds: number, deadline: number): void {
  const left = deadline - performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(milliseconds, Math.max(0, left)));
  if (milliseconds > left) throw new RunFailure({ code: "FLIGHT_TIMEOUT" });
}

/** Nanoseconds. */
function now(clock: number): bigint {
  return clock === monotonicClock ? process.hrtime.bigint() : BigInt(Math.round(Date.now() * 1e6));
}

/** What V8 throws for an address that is not in the guest's memory. The other RangeError is the end of the stack. */
export function isOutOfBounds(error: unknown): boolean {
  return error instanceof RangeError && !isStackOverflow(error);
}

export function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}
