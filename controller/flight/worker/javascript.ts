/**
 * JavaScript flights.
 *
 * The module is an ES module whose default export is called once per run with
 * `{ stdin, args, env, lookup(request), restMapping(request) }` and returns stdout as a string, or
 * `{ exitCode?, stdout?, stderr? }`. It is evaluated once; each run begins from the memory as it was then.
 */
import type { QuickJSHandle } from "quickjs-emscripten-core";
import { cut } from "../cut.ts";
import { groupVersionOf } from "../lookup.ts";
import { maxOutput, maxStderr, maxWord, type Output, type Question } from "../protocol.ts";
import { type Engine, type EngineRun, RunFailure } from "./engine.ts";
import { type GuestError, type GuestHost, Machine } from "./machine.ts";
import type { Snapshot } from "./snapshot.ts";
import { mapStack, splitSourceMap } from "./sourceMap.ts";

/** The name that the guest's stack traces give the bundle. */
const bundleName = "flight.js";

type Source = ReturnType<typeof splitSourceMap>;
const noSource: Source = { code: "", map: undefined };

interface Evaluated {
  readonly memory: Snapshot;
  readonly entry: QuickJSHandle;
}

interface Session {
  readonly machine: Machine;
  readonly host: RunHost;
  /** The memory before any flight was evaluated. */
  readonly base: Snapshot;
  readonly flights: Map<string, Evaluated>;
}

export function createJavaScriptEngine(quickjs: WebAssembly.Module): Engine {
  const sources = new Map<string, Source>();
  const session = startSession(quickjs);
  let worn = false;

  return {
    ready: session,
    async run(run) {
      if (run.program instanceof Uint8Array) {
        sources.set(run.key, splitSourceMap(new TextDecoder().decode(run.program)));
      }
      const current = await session;
      try {
        return runFlight(current, run, sources.get(run.key) ?? noSource);
      } catch (error) {
        if (error instanceof RunFailure) throw error;
        // What V8 threw through QuickJS's frames leaves a stack pointer that a restored memory does not mend.
        worn = true;
        throw trapped(error);
      } finally {
        worn ||= current.machine.oversized;
      }
    },
    forget(key) {
      sources.delete(key);
      session.then(({ flights }) => flights.delete(key));
    },
    get worn() {
      return worn;
    },
  };
}

async function startSession(quickjs: WebAssembly.Module): Promise<Session> {
  const host = new RunHost();
  const machine = await Machine.create(quickjs, host);
  return { machine, host, base: machine.snapshot(), flights: new Map() };
}

function runFlight(session: Session, run: EngineRun, source: Source): Output {
  const { machine, host } = session;
  host.begin(run, source);
  machine.limitTo(run.maxMemoryMib);
  const limitMib = machine.limitMib;
  const flight = session.flights.get(run.key) ?? evaluate(session, run.key, source, limitMib);
  if (run.onlyPrepare) return { exitCode: 0, stdout: "", stderr: "" };
  machine.restore(flight.memory);
  const result = machine.invoke(flight.entry, JSON.stringify({ stdin: run.stdin, args: run.args, env: run.env }));
  if ("error" in result) throw host.failureOf(result.error, limitMib);
  return host.output();
}

function evaluate(session: Session, key: string, source: Source, limitMib: number): Evaluated {
  const { machine, host, base, flights } = session;
  machine.restore(base, true);
  const result = machine.evaluate(source.code, bundleName);
  if ("error" in result) throw host.failureOf(result.error, limitMib);
  if (!machine.isFunction(result.value)) {
    throw new RunFailure({ code: "FLIGHT_BAD_MODULE", why: "it has no default export that is a function" });
  }
  const flight = { memory: machine.snapshot(), entry: result.value };
  flights.set(key, flight);
  return flight;
}

/** The guest's view of one run. */
class RunHost implements GuestHost {
  #run: EngineRun | undefined;
  #source = noSource;
  #stderr = "";
  #output: Output | undefined;
  #stopped: RunFailure | undefined;

  begin(run: EngineRun, source: Source): void {
    this.#run = run;
    this.#source = source;
    this.#stderr = "";
    this.#output = undefined;
    this.#stopped = undefined;
  }

  write(text: string): void {
    // One character more than is kept: so it shows that there was more.
    if (this.#stderr.length <= maxStderr) this.#stderr = (this.#stderr + text).slice(0, maxStderr + 1);
  }

  ask(text: string): string {
    if (!this.#run) throw new Error("no flight is running");
    try {
      return this.#run.ask(questionOf(text));
    } catch (error) {
      if (error instanceof RunFailure) this.#stopped = error;
      throw error;
    }
  }

  done(exitCode: number, stdout: string, stderr: string): void {
    if (!Number.isInteger(exitCode)) throw new TypeError("exitCode is no integer");
    this.write(stderr);
    if (stdout.length > maxOutput) {
      this.#stopped = new RunFailure({ code: "FLIGHT_OUTPUT_TOO_LARGE", size: stdout.length, limit: maxOutput });
      return;
    }
    this.#output = { exitCode, stdout, stderr: cut(this.#stderr, maxStderr) };
  }

  interrupted(): boolean {
    if (this.#run && performance.now() >= this.#run.deadline)
      this.#stopped ??= new RunFailure({ code: "FLIGHT_TIMEOUT" });
    return this.#stopped !== undefined;
  }

  output(): Output {
    if (this.#stopped) throw this.#stopped;
    if (!this.#output) throw new RunFailure({ code: "FLIGHT_FAILED", what: "it ended without an output" });
    return this.#output;
  }

  failureOf(error: GuestError, limitMib: number): RunFailure {
    if (this.#stopped) return this.#stopped;
    if (error.outOfMemory) return new RunFailure({ code: "FLIGHT_OUT_OF_MEMORY", limitMib });
    const headline = [error.name, error.message].filter(text => text !== "").join(": ") || "it threw";
    const stack = mapStack(error.stack.trimEnd(), bundleName, this.#source.map);
    const lines = [headline, stack, cut(this.#stderr, maxStderr).trimEnd()];
    return new RunFailure({ code: "FLIGHT_FAILED", what: lines.filter(text => text !== "").join("\n") });
  }
}

/** The guest's question; what it left out or mistyped is an empty string, which no object answers to. */
function questionOf(text: string): Question {
  const body: unknown = JSON.parse(text);
  const field = (from: unknown, key: string): string => {
    const value = typeof from === "object" && from !== null ? Reflect.get(from, key) : undefined;
    return typeof value === "string" ? value.slice(0, maxWord) : "";
  };
  if (field(body, "type") === "rest-mapping") {
    return { type: "rest-mapping", ...groupVersionOf(field(body, "apiVersion")), kind: field(body, "kind") };
  }
  const asked: unknown = typeof body === "object" && body !== null ? Reflect.get(body, "request") : undefined;
  const [apiVersion, kind, namespace, name] = ["apiVersion", "kind", "namespace", "name"].map(key => field(asked, key));
  return {
    type: "lookup",
    request: { apiVersion: apiVersion ?? "", kind: kind ?? "", namespace: namespace ?? "", name: name ?? "" },
  };
}

/** What V8 itself threw while it ran QuickJS. */
function trapped(error: unknown): RunFailure {
  if (error instanceof RangeError) return new RunFailure({ code: "FLIGHT_FAILED", what: "stack overflow" });
  return new RunFailure({ code: "FLIGHT_CRASHED", why: error instanceof Error ? error.message : String(error) });
}
