import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { cutMark } from "./cut.ts";
import { flightModuleOf } from "./loader.ts";
import { createSandbox, type FlightRun } from "./sandbox.ts";

const sandbox = createSandbox({ workers: 2 });
afterAll(() => sandbox.close());

function runOf(code: string, over: Partial<FlightRun> = {}): FlightRun {
  return {
    module: flightModuleOf(new TextEncoder().encode(code)),
    stdin: "",
    args: [],
    env: {},
    timeoutMs: 50_000,
    maxMemoryMib: 64,
    lookup: async () => ({ state: "not-found", message: "no such object" }),
    ...over,
  };
}

const ask = "call.lookup({ apiVersion: 'v1', kind: 'Secret', namespace: '', name: 'x' })";
const flight = (body: string) => `export default call => { ${body} }`;

async function failureOf(code: string, over: Partial<FlightRun> = {}): Promise<CodedError> {
  const error: unknown = await sandbox.run(runOf(code, over)).catch(error => error);
  if (error instanceof CodedError) return error;
  throw new Error("expected a coded error", { cause: error });
}

test("a flight gets stdin, args and env, and its output comes back", async () => {
  const code = flight("console.error('note', { n: 1 }); return JSON.stringify(call)");
  const result = await sandbox.run(runOf(code, { stdin: "in", args: ["release"], env: { NAMESPACE: "shop" } }));
  expect(result).toMatchObject({ exitCode: 0, stderr: 'note {"n":1}\n' });
  expect(JSON.parse(result.stdout)).toEqual({ stdin: "in", args: ["release"], env: { NAMESPACE: "shop" } });
});

test("a flight chooses its exit code", async () => {
  const result = await sandbox.run(runOf(flight("return { exitCode: 3, stdout: '[]', stderr: 'why' }")));
  expect(result).toMatchObject({ exitCode: 3, stdout: "[]", stderr: "why" });
});

test("lookups are answered in order while the flight waits", async () => {
  const code = flight(`return JSON.stringify(["a", "b"].map(name =>
    call.lookup({ apiVersion: "v1", kind: "Secret", namespace: "", name })))`);
  const result = await sandbox.run(
    runOf(code, {
      lookup: async request =>
        request.name === "a" ? { state: "ok", object: request } : { state: "forbidden", message: "not yours" },
    }),
  );
  expect(JSON.parse(result.stdout)).toEqual([
    { state: "ok", object: { apiVersion: "v1", kind: "Secret", namespace: "", name: "a" } },
    { state: "forbidden", message: "not yours" },
  ]);
});

test("a lookup that rejects ends the run with its own error, also when the flight catches", async () => {
  const code = flight(`try { ${ask} } catch {} return 'went on'`);
  const reason = new Error("cache is not there");
  const run = runOf(code, { lookup: () => Promise.reject(reason) });
  await expect(sandbox.run(run)).rejects.toBe(reason);
});

test("each run begins with the state after the module was evaluated", async () => {
  const code =
    "let runs = 0; export default () => { globalThis.left = (globalThis.left ?? 0) + 1; return [++runs, left].join(); }";
  for (let i = 0; i < 5; i++) expect((await sandbox.run(runOf(code))).stdout).toBe("1,1");
});

test("what one flight does to the built-ins is not seen by another", async () => {
  await sandbox.run(runOf(flight("JSON.parse = Array.prototype.map = null; Object.prototype.evil = 1; return ''")));
  const result = await sandbox.run(runOf(flight("return [typeof JSON.parse, String({}.evil)].join()")));
  expect(result.stdout).toBe("function,undefined");
});

test("a flight has no clock, no randomness, no timers, no network, no modules", async () => {
  for (const body of ["Date.now()", "new Date()", "Date()", "Math.random()"]) {
    expect((await failureOf(flight(body))).message).toContain("is not available");
  }
  const names = ["setTimeout", "fetch", "process", "require", "performance", "XMLHttpRequest", "std", "os"];
  const result = await sandbox.run(
    runOf(flight(`return ${JSON.stringify(names)}.filter(n => n in globalThis).join()`)),
  );
  expect(result.stdout).toBe("");
  expect((await failureOf('import "node:fs"; export default () => ""')).code).toBe("FLIGHT_FAILED");
  expect((await sandbox.run(runOf(flight("return new Date('2026-01-02').toISOString()")))).stdout).toMatch(
    /^2026-01-02/,
  );
});

test("a thrown error keeps its message, its place and what was written to stderr", async () => {
  const error = await failureOf(flight("console.log('before'); throw new TypeError('no image')"));
  expect(error.code).toBe("FLIGHT_FAILED");
  expect(error.message).toMatch(/TypeError: no image\n\s+at default \(flight\.js:1:\d+\)[\s\S]*before/);
});

test.each([
  ["a loop", "while (true) {}"],
  ["a loop that catches", "for (;;) { try { for (;;) {} } catch {} }"],
  ["a loop inside the engine", "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)"],
  ["a lookup that is never answered", ask],
  ["a trap in the error", "throw { get message() { while (true) {} } }"],
])("%s ends at the time-out", async (_, body) => {
  const error = await failureOf(flight(body), { timeoutMs: 30, lookup: () => new Promise(() => {}) });
  expect(error.code).toBe("FLIGHT_TIMEOUT");
  expect(error.message).toContain("module closed with context deadline exceeded: execution timeout (30ms) exceeded");
});

test.each([
  ["arrays", "const kept = []; for (;;) kept.push(new Array(1e5).fill(1))"],
  ["one string", "'x'.repeat(2 ** 29)"],
  ["many strings", "let s = 'x'; const kept = []; for (;;) kept.push(s += s.length)"],
])("%s end at the memory limit", async (_, body) => {
  const error = await failureOf(flight(body), { maxMemoryMib: 32 });
  expect(error).toMatchObject({ code: "FLIGHT_OUT_OF_MEMORY" });
  expect(error.message).toContain("32 MiB");
});

test.each([
  ["recursion", "const f = () => f() + 1; f()"],
  ["recursion through a callback", "const f = () => [1].map(f); f()"],
  ["recursion through a getter", "const o = { get a() { return this.a } }; o.a"],
  ["deep JSON in", "JSON.parse('['.repeat(1e6))"],
  ["deep JSON out", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a)"],
  ["a deep pattern", "new RegExp('(?:'.repeat(1e5) + ')'.repeat(1e5))"],
  ["deep source", "eval('['.repeat(1e5))"],
])("%s ends at the end of the stack", async (_, body) => {
  const error = await failureOf(flight(body));
  expect(error.code).toBe("FLIGHT_FAILED");
  expect(error.message).toContain("stack overflow");
});

test("giant output is refused, giant stderr is cut", async () => {
  expect(await failureOf(flight("return 'x'.repeat(17 * 1024 * 1024)"), { maxMemoryMib: 256 })).toMatchObject({
    code: "FLIGHT_OUTPUT_TOO_LARGE",
  });
  const noisy = "for (let i = 0; i < 1000; i++) console.log('x'.repeat(1000)); return ''";
  expect((await sandbox.run(runOf(flight(noisy)))).stderr).toBe(
    `${"x".repeat(1000)}\n`.repeat(100).slice(0, 64 * 1024) + cutMark,
  );
});

test.each([
  ["a number", "return 3"],
  ["nothing", ""],
  ["a promise", "return Promise.resolve('x')"],
  ["an exit code that is no integer", "return { exitCode: 'x' }"],
])("%s is not an output", async (_, body) => {
  expect(await failureOf(flight(body))).toMatchObject({ code: "FLIGHT_FAILED" });
});

test("a module without a default export, or that is no JavaScript, is named so", async () => {
  expect(await failureOf("export const x = 1")).toMatchObject({ code: "FLIGHT_BAD_MODULE" });
  expect(await failureOf("this is not a program")).toMatchObject({ code: "FLIGHT_FAILED" });
  expect(await failureOf("while (true) {}", { timeoutMs: 30 })).toMatchObject({ code: "FLIGHT_TIMEOUT" });
});

test("a worker that has grown, or does not stop, is replaced", async () => {
  const own = createSandbox({ workers: 1 });
  const run = (body: string, over: Partial<FlightRun>) => own.run(runOf(flight(body), over)).catch(error => error.code);
  const fill = "const kept = []; for (;;) kept.push(new Array(1e5).fill(1))";
  expect(await run(fill, { maxMemoryMib: 4096 })).toBe("FLIGHT_OUT_OF_MEMORY");
  expect(own.stats()).toMatchObject({ workers: 0, lost: 1 });
  expect(await run("Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", { timeoutMs: 30 })).toBe(
    "FLIGHT_TIMEOUT",
  );
  expect(own.stats()).toMatchObject({ workers: 0, lost: 2 });
  expect(await run("return 'next'", {})).toMatchObject({ stdout: "next" });
  expect(own.stats()).toMatchObject({ workers: 1, lost: 2 });
  await own.close();
});

test("after all that the pool still works", async () => {
  const results = await Promise.all(Array.from({ length: 8 }, (_, i) => sandbox.run(runOf(flight(`return '${i}'`)))));
  expect(results.map(result => result.stdout)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  expect(sandbox.stats()).toMatchObject({ running: 0, queued: 0 });
});

test("flights of one group that spin keep no other group waiting", async () => {
  const own = createSandbox({ workers: 1 });
  const spinning = own
    .run(runOf(flight("while (true) {}"), { group: "a", timeoutMs: undefined }))
    .catch(error => error);
  const next = own.run(runOf(flight("return 'next'"), { group: "a" })).catch(error => error);
  expect(await own.run(runOf(flight("return 'other'"), { group: "b" }))).toMatchObject({ stdout: "other" });
  expect(own.stats()).toMatchObject({ running: 1, queued: 1, workers: 2, longestWait: expect.any(Number) });
  expect(own.stats().longestWait).toBeGreaterThan(0);
  await own.close();
  for (const ended of [spinning, next]) expect(await ended).toMatchObject({ code: "FLIGHT_SANDBOX_CLOSED" });
});

test("a run tells how long it has waited for its worker", async () => {
  const own = createSandbox({ workers: 1 });
  const results = await Promise.all([own.run(runOf(flight("return ''"))), own.run(runOf(flight("return ''")))]);
  expect(results[1]?.waitedMilliseconds).toBeGreaterThan(results[0]?.waitedMilliseconds ?? Infinity);
  await own.close();
});

test("an aborted run ends with the reason, running or waiting, and frees its place", async () => {
  const own = createSandbox({ workers: 1 });
  const abort = new AbortController();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const lookup = () => {
    resolve();
    return new Promise<never>(() => {});
  };
  const running = own.run(runOf(flight(ask), { lookup }), abort.signal);
  const waiting = own.run(runOf(flight("return ''")), abort.signal);
  await asked;
  abort.abort(new Error("not wanted any more"));
  await expect(running).rejects.toThrow("not wanted any more");
  await expect(waiting).rejects.toThrow("not wanted any more");
  expect((await own.run(runOf(flight("return 'next'")))).stdout).toBe("next");
  await own.close();
});

test("closing ends what runs and refuses what comes", async () => {
  const own = createSandbox({ workers: 1 });
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const lookup = () => {
    resolve();
    return new Promise<never>(() => {});
  };
  const running = own.run(runOf(flight(ask), { lookup })).catch(error => error);
  const waiting = own.run(runOf(flight("return ''"))).catch(error => error);
  await asked;
  await own.close();
  for (const ended of [running, waiting, own.run(runOf(flight("return ''"))).catch(error => error)]) {
    expect(await ended).toMatchObject({ code: "FLIGHT_SANDBOX_CLOSED" });
  }
});

test("a module is prepared without being called, and what cannot be run is told", async () => {
  const prepare = (code: string) => sandbox.prepare(flightModuleOf(new TextEncoder().encode(code)));
  await prepare(flight("throw new Error('called');"));
  await expect(prepare("export default 1")).rejects.toMatchObject({ code: "FLIGHT_BAD_MODULE" });
  await expect(prepare("export default () => {")).rejects.toMatchObject({ code: expect.stringMatching(/^FLIGHT_/) });
  await expect(prepare("throw new Error('top level')")).rejects.toThrow(/top level/);
  const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await expect(sandbox.prepare(flightModuleOf(wasm))).rejects.toMatchObject({ code: "FLIGHT_BAD_MODULE" });
});

test("any bytes behind the header of a WebAssembly module end in a module or a coded error", async () => {
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const section = fc.tuple(fc.integer({ min: 0, max: 13 }), fc.uint8Array({ maxLength: 30 }));
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map(bytes => [...bytes]),
    fc.array(section, { maxLength: 6 }).map(parts => parts.flatMap(([id, bytes]) => [id, bytes.length, ...bytes])),
  );
  await fc.assert(
    fc.asyncProperty(body, async bytes => {
      const code = await sandbox
        .prepare(flightModuleOf(new Uint8Array([...magic, ...bytes])))
        .catch(error => error.code);
      expect(["FLIGHT_BAD_MODULE", "FLIGHT_OUT_OF_MEMORY"]).toContain(code);
    }),
    { numRuns: 300 },
  );
});
