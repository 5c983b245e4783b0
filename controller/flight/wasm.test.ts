import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { flightModuleOf } from "./loader.ts";
import { createSandbox, type FlightRun } from "./sandbox.ts";
import {
  assemble,
  call,
  constant,
  drop,
  exit,
  type Import,
  i32,
  i64,
  long,
  lookup,
  size,
  vector,
  write,
} from "./testing/assembler.ts";
import { boundModule } from "./wasmBounds.ts";

const sandbox = createSandbox({ workers: 1 });
afterAll(() => sandbox.close());

function runOf(module: Uint8Array, over: Partial<FlightRun> = {}): FlightRun {
  return {
    module: flightModuleOf(module),
    stdin: "",
    args: ["release"],
    env: {},
    timeoutMs: 50_000,
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

test("tables grow to their bound and no further", async () => {
  const { code, sections } = {
    code: [0xd0, 0x70, ...constant(1_000_000), 0xfc, 15, 0, ...call(0)],
    sections: (minimum: number) => ({ 4: vector([[0x70, 0, minimum]]) }),
  };
  expect(await sandbox.run(runOf(assemble({ imports: [exit], code, sections: sections(0) })))).toMatchObject({
    exitCode: 0,
  });
  expect(await sandbox.run(runOf(assemble({ imports: [exit], code, sections: sections(1) })))).toMatchObject({
    exitCode: 4_294_967_295,
  });
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
  [
    "two memories",
    assemble({
      code: [],
      sections: {
        5: vector([
          [0, 1],
          [0, 1],
        ]),
      },
    }),
  ],
  ["an imported memory", assemble({ code: [], sections: { 2: [1, 3, 101, 110, 118, 1, 109, 2, 0, 1], 5: [0] } })],
  [
    "a memory of WASI's",
    assemble({
      code: [],
      sections: { 2: [1, ...size(22), ...Buffer.from("wasi_snapshot_preview1"), 1, 109, 2, 0, 1], 5: [0] },
    }),
  ],
  ["a memory section that is longer than it says", assemble({ code: [], sections: { 5: [1, 0, 1, 0] } })],
  [
    "a structure type",
    assemble({
      code: [],
      sections: {
        1: vector([
          [0x60, 0, 0],
          [0x5f, 0],
        ]),
      },
    }),
  ],
  [
    "an array type",
    assemble({
      code: [],
      sections: {
        1: vector([
          [0x60, 0, 0],
          [0x5e, i32, 1],
        ]),
      },
    }),
  ],
  ["a group of types", assemble({ code: [], sections: { 1: vector([[0x4e, 1, 0x60, 0, 0]]) } })],
  ["17 tables", assemble({ code: [], sections: { 4: vector(Array<number[]>(17).fill([0x70, 0, 0])) } })],
  ["a large table", assemble({ code: [], sections: { 4: vector([[0x70, 0, ...size(1_000_001)]]) } })],
  [
    "two tables, large together",
    assemble({
      code: [],
      sections: {
        4: vector([
          [0x70, 0, ...size(600_000)],
          [0x6f, 0, 0],
        ]),
      },
    }),
  ],
  ["a table of 64 bits", assemble({ code: [], sections: { 4: vector([[0x70, 4, 1]]) } })],
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

test.each<[string, number[]]>([
  ["SIMD", [0xfd, 12, ...Array<number>(16).fill(1), drop]],
  ["bulk memory", [...[0, 1, 8].flatMap(constant), 0xfc, 11, 0]],
  ["reference types", [0xd0, 0x70, drop]],
  ["sign extension", [...constant(200), 0xc0, drop]],
  ["saturating conversions", [0x43, 0, 0, 0, 0, 0xfc, 0, drop]],
  ["several values of a block", [0x02, 1, ...constant(1), ...constant(2), 0x0b, drop, drop]],
])("%s is part of what modules may use", async (_, code) => {
  const twoValues = [2, 0x60, 0, 0, 0x60, 0, 2, i32, i32];
  const { exitCode } = await sandbox.run(runOf(assemble({ code, sections: { 1: twoValues } })));
  expect(exitCode).toBe(0);
});

test("exit codes are unsigned, and none is success", async () => {
  const exits = (code: number) => assemble({ imports: [exit], code: [...constant(code), ...call(0)] });
  expect(await sandbox.run(runOf(exits(0)))).toMatchObject({ exitCode: 0 });
  expect(await sandbox.run(runOf(exits(255)))).toMatchObject({ exitCode: 255 });
  expect(await sandbox.run(runOf(exits(-1)))).toMatchObject({ exitCode: 4_294_967_295 });
});

/** Packs like a guest: address in the high half, length in the low one. */
const packed = (at: number, length: number) => long((BigInt(at) << 32n) | BigInt(length));
/** Asks for `Secret`, whose name and the rest are at 64. */
const asks = (name: number[], state = constant(8)) => [
  ...state,
  ...name,
  ...long(0n),
  ...packed(64, 6),
  ...packed(70, 2),
  ...call(0),
];
const words = `${"\0".repeat(64)}Secretv1nginx`;
/** Gives buffers at 1024. */
const malloc = [...packed(1024, 0), 0x20, 0, 0xad, 0x84];

test("a lookup's words come from the guest's memory, and its answer goes where malloc says", async () => {
  const asked: unknown[] = [];
  // Writes what the lookup gave (an iovec at 16: address 1024, length from the low half) to stdout.
  const code = [
    ...constant(16),
    ...constant(1024),
    0x36,
    2,
    0,
    ...constant(20),
    ...asks(packed(72, 5)),
    0xa7,
    0x36,
    2,
    0,
    ...[1, 16, 1, 32].flatMap(constant),
    ...call(1),
    drop,
    ...constant(8),
    0x28,
    2,
    0,
    ...call(2),
  ];
  const module = assemble({ imports: [lookup, write, exit], code, malloc, data: words });
  const run = (answer: Awaited<ReturnType<FlightRun["lookup"]>>) =>
    sandbox.run(
      runOf(module, {
        async lookup(request) {
          asked.push(request);
          return answer;
        },
      }),
    );
  expect(await run({ state: "ok", object: { a: "ö" } })).toMatchObject({ exitCode: 0, stdout: '{"a":"ö"}' });
  expect(await run({ state: "not-found", message: "none" })).toMatchObject({ exitCode: 3, stdout: "none" });
  expect(await run({ state: "forbidden", message: "not yours" })).toMatchObject({ exitCode: 5, stdout: "not yours" });
  expect(asked).toEqual(Array(3).fill({ apiVersion: "v1", kind: "Secret", namespace: "", name: "nginx" }));
});

test.each<[string, Parameters<typeof assemble>[0]]>([
  ["a name outside of its memory", { code: [...asks(packed(1 << 20, 5)), drop], malloc }],
  ["a state pointer outside of its memory", { code: [...asks(packed(72, 5), constant(1 << 20)), drop], malloc }],
  ["a buffer outside of its memory", { code: [...asks(packed(72, 5)), drop], malloc: packed(1 << 20, 0) }],
])("a guest that gives %s is told so", async (_, parts) => {
  const module = assemble({ imports: [lookup], data: words, ...parts });
  expect(await failureOf(module)).toMatchObject({
    code: "FLIGHT_FAILED",
    message: expect.stringContaining("outside of its memory"),
  });
});

test("WASI answers an address outside of the guest's memory with EFAULT", async () => {
  const fault = 21;
  const writes = (vectors: number, out: number) =>
    assemble({ imports: [write, exit], code: [...[1, vectors, 1, out].flatMap(constant), ...call(0), ...call(1)] });
  expect(await sandbox.run(runOf(writes(1 << 20, 0)))).toMatchObject({ exitCode: fault });
  expect(await sandbox.run(runOf(writes(0, 1 << 20)))).toMatchObject({ exitCode: fault });
  const random: Import = ["wasi_snapshot_preview1", "random_get", [i32, i32], [i32]];
  const odd = assemble({
    imports: [random, exit],
    code: [...constant(0), ...constant(1 << 20), ...call(0), ...call(1)],
  });
  expect(await sandbox.run(runOf(odd))).toMatchObject({ exitCode: fault });
});

test("any change of a valid module is a module under the cap or a coded error", async () => {
  const valid = assemble({ imports: [exit], code: [...constant(0), ...call(0)], memory: [1, 1, 128, 2], data: "x" });
  const changes = fc.array(fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) }), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(changes, fc.integer({ min: 1, max: 64 }), async (all, mib) => {
      const bytes = valid.slice();
      for (const { at, to } of all) if (at >= 8) bytes[at] = to;
      try {
        const module = await WebAssembly.compile(boundModule(bytes, mib)).catch(() => undefined);
        if (!module || WebAssembly.Module.imports(module).some(({ kind }) => kind !== "function")) return;
        const imports: Record<string, Record<string, () => number>> = {};
        for (const { module: from, name } of WebAssembly.Module.imports(module)) {
          imports[from] = { ...imports[from], [name]: () => 0 };
        }
        const { memory } = new WebAssembly.Instance(module, imports).exports;
        // Something else may have got its name, and is refused elsewhere.
        if (!(memory instanceof WebAssembly.Memory)) return;
        const pages = memory.buffer.byteLength / 65_536;
        expect(pages).toBeLessThanOrEqual(mib * 16);
        expect(() => memory.grow(mib * 16 + 1 - pages)).toThrow(RangeError);
      } catch (error) {
        if (error instanceof WebAssembly.LinkError || error instanceof WebAssembly.RuntimeError) return;
        expect(error).toMatchObject({ code: expect.stringMatching(/^FLIGHT_(BAD_MODULE|OUT_OF_MEMORY)$/) });
      }
    }),
    // A start function may come of a change, and must not loop: so these are always the same.
    { numRuns: 1000, seed: 1 },
  );
});

test("any bytes after the header are a module or a coded error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 4096 }), (bytes, mib) => {
      try {
        boundModule(Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes]), mib);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^FLIGHT_(BAD_MODULE|OUT_OF_MEMORY)$/) });
      }
    }),
    { numRuns: 500 },
  );
});
