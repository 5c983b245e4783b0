import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { flightModuleOf } from "./loader.ts";
import { createSandbox, type FlightRun } from "./sandbox.ts";
import { capMemory } from "./wasmMemory.ts";

const sandbox = createSandbox({ workers: 1 });
afterAll(() => sandbox.close());

/* A small assembler: enough of the binary format for modules of a few instructions. */

const i32 = 0x7f;
const i64 = 0x7e;
const vector = (items: readonly number[][]) => [items.length, ...items.flat()];
const name = (text: string) => [text.length, ...Buffer.from(text)];
const section = (id: number, body: number[]) => [id, ...size(body.length), ...body];
const size = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...size(Math.floor(value / 128))];
const functionType = (parameters: number[], results: number[]) => [
  0x60,
  parameters.length,
  ...parameters,
  results.length,
  ...results,
];

type Import = readonly [module: string, name: string, parameters: number[], results: number[]];

interface Parts {
  /** Of `_start`, which has neither parameters nor results. */
  readonly code: number[];
  readonly imports?: readonly Import[];
  readonly memory?: number[];
  readonly data?: string;
  readonly exports?: readonly string[];
}

function assemble({ code, imports = [], memory = [0, 1], data = "", exports = ["_start"] }: Parts): Uint8Array {
  const body = [0, ...code, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([functionType([], []), ...imports.map(([, , from, to]) => functionType(from, to))])),
    ...section(2, vector(imports.map(([module, field], index) => [...name(module), ...name(field), 0, index + 1]))),
    ...section(3, vector([[0]])),
    ...section(5, vector([memory])),
    ...section(7, vector([...exports.map(text => [...name(text), 0, imports.length]), [...name("memory"), 2, 0]])),
    ...section(10, vector([[...size(body.length), ...body]])),
    ...section(11, vector(data === "" ? [] : [[0, 0x41, 0, 0x0b, ...name(data)]])),
  ]);
}

function runOf(module: Uint8Array, over: Partial<FlightRun> = {}): FlightRun {
  return {
    module: flightModuleOf(module),
    stdin: "",
    args: ["release"],
    env: {},
    timeoutMs: 10_000,
    maxMemoryMib: 16,
    lookup: async () => ({ state: "not-found", message: "none" }),
    ...over,
  };
}

const failureOf = (module: Uint8Array, over: Partial<FlightRun> = {}) =>
  sandbox.run(runOf(module, over)).then(
    () => "no failure",
    (error: unknown) => error,
  );

const constant = (value: number) => [0x41, ...signed(value)];
const signed = (value: number): number[] =>
  value < 64 ? [value] : [(value % 128) | 128, ...signed(Math.floor(value / 128))];
const drop = 0x1a;
const write: Import = ["wasi_snapshot_preview1", "fd_write", [i32, i32, i32, i32], [i32]];
const exit: Import = ["wasi_snapshot_preview1", "proc_exit", [i32], []];

test("stdout and the exit code come back", async () => {
  // Two words say where the text is and how long, then comes the text.
  const data = "\u0008\0\0\0\u0002\0\0\0[]";
  const hello = assemble({
    imports: [write, exit],
    code: [...[1, 0, 1, 32].flatMap(constant), 0x10, 0, drop, ...constant(7), 0x10, 1],
    data,
  });
  expect(await sandbox.run(runOf(hello))).toMatchObject({ exitCode: 7, stdout: "[]", stderr: "" });
});

test("a function of WASI that is not built answers so, and harms nothing", async () => {
  const odd = assemble({
    imports: [["wasi_snapshot_preview1", "sock_shutdown", [i32, i32], [i32]], exit],
    code: [...[0, 0].flatMap(constant), 0x10, 0, 0x10, 1],
  });
  expect(await sandbox.run(runOf(odd))).toMatchObject({ exitCode: 52 });
});

test.each([
  ["an endless loop", [0x03, 0x40, 0x0c, 0, 0x0b]],
  ["endless calls", [0x03, 0x40, 0x10, 0, 0x0c, 0, 0x0b]],
])("%s ends at the time-out, with its thread", async (_, code) => {
  const yields: Import = ["wasi_snapshot_preview1", "sched_yield", [], []];
  const module = assemble({ imports: [yields], code });
  expect(await failureOf(module, { timeoutMs: 30 })).toMatchObject({
    code: "FLIGHT_TIMEOUT",
    message: expect.stringContaining("execution timeout (30ms) exceeded"),
  });
});

test("a trap and recursion without end are failures of the flight", async () => {
  expect(await failureOf(assemble({ code: [0x00] }))).toMatchObject({
    code: "FLIGHT_FAILED",
    message: expect.stringContaining("unreachable"),
  });
  expect(await failureOf(assemble({ code: [0x10, 0] }))).toMatchObject({
    code: "FLIGHT_FAILED",
    message: expect.stringContaining("stack overflow"),
  });
});

test("memory grows to the cap and no further, whatever the module declares", async () => {
  // Exits with the number of pages that memory.grow gave when asked for 1, 16 MiB being 256 pages.
  const grow = (pages: number) => [...constant(pages), 0x40, 0, drop];
  const pagesAfter = (memory: number[], pages: number) =>
    assemble({ imports: [exit], memory, code: [...grow(pages), 0x3f, 0, 0x10, 0] });
  expect(await sandbox.run(runOf(pagesAfter([0, 1], 255)))).toMatchObject({ exitCode: 256 });
  expect(await sandbox.run(runOf(pagesAfter([0, 1], 256)))).toMatchObject({ exitCode: 1 });
  expect(await sandbox.run(runOf(pagesAfter([1, 1, 128, 8], 256)))).toMatchObject({ exitCode: 1 });
  expect(await sandbox.run(runOf(pagesAfter([1, 1, 2], 2)))).toMatchObject({ exitCode: 1 });
  expect(await failureOf(assemble({ code: [], memory: [0, 129, 2] }))).toMatchObject({ code: "FLIGHT_OUT_OF_MEMORY" });
});

test.each<[string, Uint8Array]>([
  ["no _start", assemble({ code: [], exports: ["main"] })],
  ["an import from elsewhere", assemble({ code: [], imports: [["env", "open", [], []]] })],
  ["a function that host has not", assemble({ code: [], imports: [["host", "k8s_delete", [], []]] })],
  ["an import of JavaScript's own", assemble({ code: [], imports: [["constructor", "constructor", [], []]] })],
  ["an import of what host inherits", assemble({ code: [], imports: [["host", "constructor", [], []]] })],
  ["an import of __proto__", assemble({ code: [], imports: [["__proto__", "toString", [], []]] })],
  ["a shared memory", assemble({ code: [], memory: [2, 1] })],
  ["a shared memory with an end", assemble({ code: [], memory: [3, 1, 2] })],
  ["a memory of 64 bits", assemble({ code: [], memory: [4, 1] })],
  ["a header and no more", Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])],
  ["half a module", assemble({ code: [] }).slice(0, 20)],
])("a module with %s is refused", async (_, module) => {
  expect(await failureOf(module)).toMatchObject({ code: "FLIGHT_BAD_MODULE" });
});

test("a guest that asks and has no malloc traps", async () => {
  const module = assemble({
    imports: [["host", "k8s_lookup", [i32, i64, i64, i64, i64], [i64]]],
    code: [...constant(0), 0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, 0x10, 0, drop],
  });
  expect(await failureOf(module)).toMatchObject({
    code: "FLIGHT_FAILED",
    message: expect.stringContaining("no malloc"),
  });
});

test("any bytes after the header are a module or a coded error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 4096 }), (bytes, mib) => {
      try {
        capMemory(Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes]), mib);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^FLIGHT_(BAD_MODULE|OUT_OF_MEMORY)$/) });
      }
    }),
    { numRuns: 500 },
  );
});
