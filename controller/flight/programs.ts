/** What a worker is given of a flight: JavaScript as it is, WebAssembly compiled, once for all workers. */
import { errors } from "./errors.ts";
import type { FlightModule } from "./loader.ts";
import { boundModule } from "./wasmBounds.ts";

export interface Program {
  /** Equal keys are equal programs. */
  readonly key: string;
  readonly content: Uint8Array | WebAssembly.Module;
}

/** Compiled modules that are kept; each has the size of its machine code. */
const keptCompiled = 16;
const mostExports = 10_000;

export class Programs {
  /** The one used last is at the end. */
  readonly #compiled = new Map<string, Promise<WebAssembly.Module>>();

  /** @throws FLIGHT_BAD_MODULE, FLIGHT_OUT_OF_MEMORY */
  async of(module: FlightModule, maxMemoryMib: number): Promise<Program> {
    if (module.kind === "javascript") return { key: module.digest, content: module.bytes };
    const key = `${module.digest}/${maxMemoryMib}`;
    const compiled = this.#compiled.get(key) ?? compile(module.bytes, maxMemoryMib);
    this.#compiled.delete(key);
    this.#compiled.set(key, compiled);
    for (const old of [...this.#compiled.keys()].slice(0, -keptCompiled)) this.#compiled.delete(old);
    try {
      return { key, content: await compiled };
    } catch (error) {
      this.#compiled.delete(key);
      throw error;
    }
  }
}

async function compile(bytes: Uint8Array, maxMemoryMib: number): Promise<WebAssembly.Module> {
  const capped = boundModule(bytes, maxMemoryMib);
  const module = await WebAssembly.compile(capped).catch((cause: unknown) => {
    throw errors.FLIGHT_BAD_MODULE({ why: cause instanceof Error ? cause.message : String(cause) }, cause);
  });
  // Each is an object of its own in every run.
  if (WebAssembly.Module.exports(module).length > mostExports) {
    throw errors.FLIGHT_BAD_MODULE({ why: `it exports more than ${mostExports} things` });
  }
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  if (exports.get("_start") !== "function" || exports.get("memory") !== "memory") {
    throw errors.FLIGHT_BAD_MODULE({ why: "it is no WASI command: it must export _start and memory" });
  }
  return module;
}
