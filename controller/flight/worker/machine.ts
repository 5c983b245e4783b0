/**
 * One QuickJS in one WebAssembly memory, which can be set back to an earlier state.
 *
 * All of QuickJS's state is in that memory, so a copy of it, taken after a flight's bundle was evaluated and put back
 * before each run, gives each run the state of a first one without evaluating the bundle again.
 *
 * QuickJS's own memory limit counts allocations rather than bytes in this build. The real cap is here: the memory
 * does not grow past it.
 */
import variant from "@jitl/quickjs-wasmfile-release-sync";
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
} from "quickjs-emscripten-core";
import { cut } from "../cut.ts";
import { prelude } from "./prelude.ts";
import { restoreSnapshot, type Snapshot, takeSnapshot } from "./snapshot.ts";

// The package ships one declaration file for both module systems, and it fits CommonJS only.
const syncVariant = variant as unknown as QuickJSSyncVariant;

const mebibyte = 1024 * 1024;
const pageBytes = 65_536;
const initialPages = 256;
/** wasm32 as this QuickJS is built: 2 GiB. */
const maximumPages = 32_768;
/** Of QuickJS's stack. V8's, which lies underneath, is larger by the worker's `stackSizeMb`. */
const stackBytes = 256 * 1024;
/** A memory that has grown past this is given back after the run. */
const keptBytes = 64 * mebibyte;

/** What the guest can reach outside. A throw becomes an exception in the guest. */
export interface GuestHost {
  write(text: string): void;
  ask(question: string): string;
  done(exitCode: number, stdout: string, stderr: string): void;
  /** Asked again and again while the guest runs; true ends it, and the guest cannot catch that. */
  interrupted(): boolean;
}

/** What the guest threw, as far as it can be read. */
export interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** True: it was refused memory and this is what came of it. */
  readonly outOfMemory: boolean;
}

interface MemoryLimit {
  pages: number;
  /** Whether the guest has met it. */
  met: boolean;
}

export type GuestResult<T> = { readonly value: T } | { readonly error: GuestError };

export class Machine {
  readonly #context: QuickJSContext;
  readonly #memory: WebAssembly.Memory;
  readonly #limit: MemoryLimit;
  /** `(entry, input) → void`, see prelude.ts. */
  readonly #invoke: QuickJSHandle;
  /** Held for ever: a function that the guest's collector frees would be gone for all later runs as well. */
  readonly #hostFunctions: readonly QuickJSHandle[];

  private constructor(memory: WebAssembly.Memory, limit: MemoryLimit, runtime: QuickJSRuntime, host: GuestHost) {
    this.#memory = memory;
    this.#limit = limit;
    runtime.setMaxStackSize(stackBytes);
    runtime.setInterruptHandler(() => host.interrupted());
    const context = runtime.newContext();
    this.#context = context;
    this.#hostFunctions = [
      context.newFunction("write", text => host.write(context.getString(text))),
      context.newFunction("ask", question => context.newString(host.ask(context.getString(question)))),
      context.newFunction("done", (exitCode, stdout, stderr) =>
        host.done(context.getNumber(exitCode), context.getString(stdout), context.getString(stderr)),
      ),
    ];
    const install = context.unwrapResult(context.evalCode(prelude, "prelude.js", { type: "global" }));
    this.#invoke = context.unwrapResult(context.callFunction(install, context.undefined, ...this.#hostFunctions));
  }

  static async create(quickjs: WebAssembly.Module, host: GuestHost): Promise<Machine> {
    const memory = new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages });
    const limit: MemoryLimit = { pages: maximumPages, met: false };
    boundGrowth(memory, limit);
    const engine = await newQuickJSWASMModuleFromVariant(
      newVariant(syncVariant, { wasmModule: quickjs, wasmMemory: memory }),
    );
    return new Machine(memory, limit, engine.newRuntime(), host);
  }

  /** Evaluates an ES module; its default export, which lives as long as the memory that it was made in. */
  evaluate(source: string, file: string): GuestResult<QuickJSHandle> {
    const result = this.#context.evalCode(source, file, { type: "module" });
    if (result.error) return { error: this.#read(result.error) };
    return { value: this.#context.getProp(result.value, "default") };
  }

  isFunction(handle: QuickJSHandle): boolean {
    return this.#context.typeof(handle) === "function";
  }

  /** Calls the flight; its output goes to `host.done`. */
  invoke(entry: QuickJSHandle, input: string): GuestResult<undefined> {
    const result = this.#context.callFunction(
      this.#invoke,
      this.#context.undefined,
      entry,
      this.#context.newString(input),
    );
    return result.error ? { error: this.#read(result.error) } : { value: undefined };
  }

  /** From now on the memory grows to this and no further; never less than the 16 MiB it begins with. */
  limitTo(mebibytes: number): void {
    this.#limit.pages = Math.min(maximumPages, Math.max(initialPages, Math.ceil((mebibytes * mebibyte) / pageBytes)));
    this.#limit.met = false;
  }

  get limitMib(): number {
    return (this.#limit.pages * pageBytes) / mebibyte;
  }

  snapshot(): Snapshot {
    return takeSnapshot(new Uint8Array(this.#memory.buffer));
  }

  /** See `restoreSnapshot`. */
  restore(snapshot: Snapshot, thoroughly = false): void {
    restoreSnapshot(new Uint8Array(this.#memory.buffer), snapshot, thoroughly);
  }

  get oversized(): boolean {
    return this.#memory.buffer.byteLength > keptBytes;
  }

  #read(error: QuickJSHandle): GuestError {
    // Reading takes memory too, and the guest may have used up its own. What is read may be a trap that takes more.
    this.#limit.pages = Math.min(maximumPages, this.#limit.pages + initialPages);
    // With no memory left for an error object, QuickJS throws null.
    const readable = this.#context.typeof(error) === "object" && !this.#context.sameValue(error, this.#context.null);
    if (!readable) return { name: "", message: this.#textOf(error), stack: "", outOfMemory: this.#limit.met };
    const [name = "", message = "", stack = ""] = ["name", "message", "stack"].map(key =>
      this.#textOf(this.#context.getProp(error, key)),
    );
    return { name, message, stack, outOfMemory: this.#limit.met && message === "out of memory" };
  }

  #textOf(handle: QuickJSHandle): string {
    const type = this.#context.typeof(handle);
    if (type !== "string" && type !== "number" && type !== "boolean") return "";
    return cut(this.#context.getString(handle), 8192);
  }
}

/** Emscripten grows its memory by this method only; a throw is "no" to the guest's `malloc`. */
function boundGrowth(memory: WebAssembly.Memory, limit: MemoryLimit): void {
  memory.grow = delta => {
    if (memory.buffer.byteLength / pageBytes + delta > limit.pages) {
      limit.met = true;
      throw new RangeError("memory limit of the flight");
    }
    return WebAssembly.Memory.prototype.grow.call(memory, delta);
  };
}
