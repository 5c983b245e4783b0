/**
 * WebAssembly flights: WASI preview 1 commands with the functions of the import module `host`.
 *
 * An instance lives for one run; the compiled module is shared by all runs. A guest that does not stop is ended with
 * its thread.
 *
 * Strings cross as i64: address in the high 32 bits, length in bytes in the low 32.
 */
import { groupVersionOf } from "../lookup.ts";
import { maxWord, type Output, type Question } from "../protocol.ts";
import { type Engine, type EngineRun, RunFailure } from "./engine.ts";
import { Exit, isOutOfBounds, isStackOverflow, Wasi } from "./wasi.ts";

/** What a guest sees in its state pointer. */
const states: Readonly<Record<string, number>> = {
  "no-access": 1,
  error: 2,
  "not-found": 3,
  unauthenticated: 4,
  forbidden: 5,
};

/** An instance whose memory has grown past this leaves the thread with it: V8 frees it late. */
const keptBytes = 64 * 1024 * 1024;

type Functions = Record<string, (...args: never[]) => unknown>;

const noMemory = { buffer: new ArrayBuffer(0) };

export function createWasmEngine(): Engine {
  const modules = new Map<string, WebAssembly.Module>();
  let worn = false;

  return {
    ready: Promise.resolve(),
    async run(run) {
      if (run.program && !(run.program instanceof Uint8Array)) modules.set(run.key, run.program);
      const module = modules.get(run.key);
      if (!module) throw new RunFailure({ code: "FLIGHT_CRASHED", why: "its module was not handed over" });
      const guest = new Guest(module, run);
      try {
        return guest.run();
      } finally {
        worn ||= guest.memoryBytes > keptBytes;
      }
    },
    forget: key => modules.delete(key),
    get worn() {
      return worn;
    },
  };
}

class Guest {
  readonly #run: EngineRun;
  readonly #module: WebAssembly.Module;
  readonly #wasi: Wasi;
  /** Undefined while the instance is made, and that may run a start function. */
  #exports: Readonly<Record<string, unknown>> | undefined;

  constructor(module: WebAssembly.Module, run: EngineRun) {
    this.#run = run;
    this.#wasi = new Wasi({
      stdin: Buffer.from(run.stdin),
      args: run.args,
      env: run.env,
      deadline: run.deadline,
      memory: () => new DataView(this.#memory.buffer),
    });
    this.#module = module;
  }

  get #memory(): Pick<WebAssembly.Memory, "buffer"> {
    return (this.#exports?.["memory"] as WebAssembly.Memory | undefined) ?? noMemory;
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  run(): Output {
    try {
      const { exports } = this.#instantiate();
      this.#exports = exports;
      (exports["_start"] as () => void)();
      return this.#output(0);
    } catch (error) {
      if (error instanceof Exit) return this.#output(error.code);
      if (error instanceof RunFailure) throw error;
      const said = this.#wasi.stderr.trimEnd();
      const what = trapOf(error);
      throw new RunFailure({ code: "FLIGHT_FAILED", what: said === "" ? what : `${what}\n${said}` });
    }
  }

  #output(exitCode: number): Output {
    return { exitCode, stdout: this.#wasi.stdout, stderr: this.#wasi.stderr };
  }

  #instantiate(): WebAssembly.Instance {
    const imports: Record<string, Functions> = Object.create(null);
    for (const { module: from, name, kind } of WebAssembly.Module.imports(this.#module)) {
      const found = kind === "function" ? this.#offered(from, name) : undefined;
      if (!found) throw new RunFailure({ code: "FLIGHT_BAD_MODULE", why: `it imports ${from}.${name}` });
      imports[from] ??= Object.create(null) as Functions;
      Object.assign(imports[from], { [name]: found });
    }
    try {
      return new WebAssembly.Instance(this.#module, imports);
    } catch (error) {
      if (!(error instanceof WebAssembly.LinkError)) throw error;
      throw new RunFailure({ code: "FLIGHT_BAD_MODULE", why: error.message });
    }
  }

  /** Told by name, one by one: nothing that JavaScript's objects bring along is within a guest's reach. */
  #offered(from: string, name: string): Functions[string] | undefined {
    if (from === "wasi_snapshot_preview1") return this.#wasi.call(name);
    if (from !== "host") return undefined;
    if (name === "k8s_lookup") {
      return (state: number, name: bigint, namespace: bigint, kind: bigint, apiVersion: bigint) =>
        this.#lookup(state, name, namespace, kind, apiVersion);
    }
    if (name === "k8s_rest_mapping") {
      return (state: number, group: bigint, kind: bigint) => this.#restMapping(state, group, kind);
    }
    return undefined;
  }

  #lookup(state: number, name: bigint, namespace: bigint, kind: bigint, apiVersion: bigint): bigint {
    const request = {
      apiVersion: this.#string(apiVersion),
      kind: this.#string(kind),
      namespace: this.#string(namespace),
      name: this.#string(name),
    };
    return this.#ask(state, { type: "lookup", request }, "object");
  }

  #restMapping(state: number, groupVersion: bigint, kind: bigint): bigint {
    const question = { ...groupVersionOf(this.#string(groupVersion)), kind: this.#string(kind) };
    return this.#ask(state, { type: "rest-mapping", ...question }, "mapping");
  }

  #ask(state: number, question: Question, field: "object" | "mapping"): bigint {
    const answer = JSON.parse(this.#run.ask(question)) as Readonly<Record<string, unknown>>;
    if (answer["state"] === "ok") {
      const value = field === "mapping" ? goMapping(answer[field]) : answer[field];
      return this.#give(JSON.stringify(value));
    }
    // A kind that is not there is any other error to yoke.
    const code =
      field === "mapping" && answer["state"] === "not-found" ? states["error"] : states[String(answer["state"])];
    if (code === undefined) throw new WebAssembly.RuntimeError("the host gave no answer");
    new DataView(this.#memory.buffer).setUint32(state >>> 0, code, true);
    return this.#give(String(answer["message"] ?? ""));
  }

  #string(packed: bigint): string {
    const bits = BigInt.asUintN(64, packed);
    if (bits === 0n) return "";
    const bytes = new Uint8Array(this.#memory.buffer, Number(bits >> 32n), Number(bits & 0xffff_ffffn));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, maxWord));
  }

  /** Copies a text into memory that the guest allocates and owns. */
  #give(text: string): bigint {
    const malloc = this.#exports?.["malloc"];
    if (typeof malloc !== "function") throw new WebAssembly.RuntimeError("the guest exports no malloc");
    const bytes = Buffer.from(text);
    if (bytes.length === 0) return 0n;
    const packed: unknown = malloc(bytes.length);
    if (typeof packed !== "bigint") throw new WebAssembly.RuntimeError("the guest's malloc returns no i64");
    new Uint8Array(this.#memory.buffer, Number(BigInt.asUintN(64, packed) >> 32n), bytes.length).set(bytes);
    return packed;
  }
}

/** What ended the guest, without the host's own words where they would mislead. */
function trapOf(error: unknown): string {
  if (isStackOverflow(error)) return "stack overflow";
  if (isOutOfBounds(error)) return "RuntimeError: the guest named an address outside of its memory";
  return String(error);
}

/** As Go's encoder writes it. */
function goMapping(mapping: unknown): unknown {
  const { group, version, kind, resource, namespaced } = mapping as Readonly<Record<string, unknown>>;
  return { Group: group, Version: version, Kind: kind, Resource: resource, Namespaced: namespaced };
}
