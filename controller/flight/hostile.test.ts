/**
 * Flights that mean harm. Each ends with a coded error (or an output like any other), and the next render of the same
 * module and of another one, on the same worker or on the one that took its place, begins as if nothing had been.
 */
import { afterAll, describe, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { cutMark } from "./cut.ts";
import { flightModuleOf } from "./loader.ts";
import { mostQuestions } from "./questions.ts";
import { Redactor } from "./redaction.ts";
import { createSandbox, type FlightRun } from "./sandbox.ts";
import {
  assemble,
  call,
  constant,
  drop,
  exit,
  forever,
  type Import,
  i32,
  long,
  lookup,
  size,
  unreachable,
  vector,
  write,
} from "./testing/assembler.ts";

const sandbox = createSandbox({ workers: 1 });
afterAll(() => sandbox.close());

/** Enough for all that ends by itself, on a machine that is busy, too. */
const limits = { timeoutMs: 50_000, maxMemoryMib: 32 };
/** For what has no end, or may have none. */
const soon = { timeoutMs: 150 };

function runOf(bytes: Uint8Array, over: Partial<FlightRun> = {}): FlightRun {
  return {
    module: flightModuleOf(bytes),
    stdin: "attack",
    args: ["release"],
    env: {},
    ...limits,
    lookup: async ({ name }) => ({ state: "ok", object: { name } }),
    ...over,
  };
}

/** What a flight finds of the built-ins: the same for each run, whatever ran before. */
const look = `JSON.stringify([
  Object.keys(Object.prototype), ({}).polluted ?? null, typeof globalThis.left, Object.getOwnPropertyNames(globalThis).length,
  [1, 2].map(x => x * 2), JSON.parse('{"a":1}').a, "x".replace("x", "y"), typeof console.log,
])`;
const flight = (body: string) =>
  new TextEncoder().encode(`let runs = 0;
export default call => { runs++; if (call.stdin === "look") return runs + ${look}; ${body} }`);
const bystander = flight("return 'unharmed'");

async function outcome(bytes: Uint8Array, over: Partial<FlightRun> = {}) {
  const ended: unknown = await sandbox.run(runOf(bytes, over)).catch(error => error);
  if (ended instanceof Error && !(ended instanceof CodedError)) throw ended;
  return ended as { readonly code: string; readonly message: string; readonly stdout: string; readonly stderr: string };
}

const pristine = sandbox.run(runOf(bystander, { stdin: "look" }));

async function expectUnharmed(attacker?: Uint8Array): Promise<void> {
  const { stdout } = await pristine;
  expect((await outcome(bystander, { stdin: "look" })).stdout).toBe(stdout);
  expect((await outcome(bystander)).stdout).toBe("unharmed");
  if (attacker) expect((await outcome(attacker, { stdin: "look" })).stdout).toBe(stdout);
  expect(sandbox.stats()).toMatchObject({ running: 0, queued: 0 });
}

describe("JavaScript that does not end", () => {
  test.each([
    ["a loop", "for (;;) {}"],
    ["a loop that catches all", "for (;;) try { for (;;) {} } catch {} finally { continue }"],
    ["a pattern that backtracks", "/^(a+)+$/.test('a'.repeat(40) + 'b')"],
    ["a getter", "({ get a() { for (;;) {} } }).a"],
    ["toJSON", "return JSON.stringify({ toJSON() { for (;;) {} } })"],
    ["a Proxy's trap", "new Proxy({}, { get() { for (;;) {} } }).x"],
    ["a Proxy as output", "return new Proxy({}, { get() { for (;;) {} } })"],
    ["an exit code's valueOf", "return { exitCode: { valueOf() { for (;;) {} } } }"],
    ["toString of what is logged", "console.log({ toJSON() { throw 1 }, toString() { for (;;) {} } })"],
    ["an iterator without end", "[...{ *[Symbol.iterator]() { for (;;) yield 1 } }]"],
    ["a sort whose order never settles", "for (;;) [3, 1, 2].sort(() => 1)"],
    ["a search in an endless list", "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)"],
    ["a big number", "10n ** (10n ** 8n)"],
    ["a getter of the error", "throw { get message() { for (;;) {} } }"],
    [
      "a getter of the error that takes memory",
      "throw { get stack() { const k = []; for (;;) k.push('x'.repeat(1e6) + k.length) } }",
    ],
    [
      "a lookup that is not answered",
      "call.lookup({ apiVersion: 'v1', kind: 'Secret', namespace: '', name: 'never' })",
    ],
  ])("%s ends in time or for want of memory", async (_, body) => {
    const lookup = () => new Promise<never>(() => {});
    const bytes = flight(body);
    expect((await outcome(bytes, { ...soon, lookup })).code).toMatch(/^FLIGHT_(TIMEOUT|OUT_OF_MEMORY|FAILED)$/);
    await expectUnharmed(bytes);
  });

  test.each([
    ["a promise that never settles", "return new Promise(() => {})", "FLIGHT_FAILED"],
    ["an async flight", "return (async () => 'x')()", "FLIGHT_FAILED"],
    ["a thenable", "return { then() {} }", "FLIGHT_FAILED"],
    ["a job that makes jobs", "const f = () => Promise.resolve().then(f); f(); return 'output'", undefined],
  ])("%s keeps nobody waiting", async (_, body, code) => {
    const bytes = flight(body);
    expect((await outcome(bytes)).code).toBe(code);
    await expectUnharmed(bytes);
  });

  test.each([
    ["while it is loaded", "for (;;) {}; export default () => ''"],
    ["by waiting for ever while it is loaded", "await new Promise(() => {}); export default () => ''"],
  ])("a module that does not end %s is refused each time", async (_, source) => {
    for (let i = 0; i < 2; i++) {
      expect((await outcome(new TextEncoder().encode(source), soon)).code).toMatch(
        /^FLIGHT_(TIMEOUT|BAD_MODULE|FAILED)$/,
      );
    }
    await expectUnharmed();
  });
});

describe("JavaScript that takes all it can get", () => {
  test.each([
    ["arrays", "const k = []; for (;;) k.push(new Array(1e5).fill(1))"],
    ["texts", "let s = 'x'; for (;;) s += s"],
    ["buffers", "const k = []; for (;;) k.push(new ArrayBuffer(1e6))"],
    ["one buffer", "new ArrayBuffer(2 ** 31 - 1)"],
    ["a buffer that grows", "new ArrayBuffer(1, { maxByteLength: 2 ** 30 }).resize(2 ** 30)"],
    ["a typed array", "new Float64Array(2 ** 28)"],
    ["maps", "const m = new Map(); for (let i = 0; ; i++) m.set(i, 'x' + i)"],
    ["functions", "const k = []; for (;;) k.push(() => k)"],
    ["symbols", "const k = []; for (;;) k.push(Symbol('x'.repeat(1000) + k.length))"],
    ["generators", "const k = []; for (;;) k.push((function* () { yield k })())"],
    ["padding", "'x'.padEnd(2 ** 30 - 1)"],
  ])("%s end at the limit", async (_, body) => {
    const bytes = flight(body);
    expect((await outcome(bytes)).code).toMatch(/^FLIGHT_(OUT_OF_MEMORY|FAILED)$/);
    await expectUnharmed(bytes);
  });

  test.each([
    ["calls", "const f = () => f() + 1; f()"],
    ["Proxies", "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x"],
    ["JSON out", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a)"],
    ["bound functions", "let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); f()"],
    ["a pattern", "new RegExp('('.repeat(1e5) + ')'.repeat(1e5))"],
    ["toString", "const o = { toString() { return o + '' } }; return o + ''"],
  ])("%s too deep end at the end of the stack", async (_, body) => {
    const bytes = flight(body);
    expect((await outcome(bytes)).code).toMatch(/^FLIGHT_(FAILED|OUT_OF_MEMORY|CRASHED)$/);
    await expectUnharmed(bytes);
  });

  test("giant output is refused, giant stderr and giant messages are cut", async () => {
    const roomy = { maxMemoryMib: 256 };
    const output = flight("return 'x'.repeat(17 * 1024 * 1024)");
    expect((await outcome(output, roomy)).code).toBe("FLIGHT_OUTPUT_TOO_LARGE");
    const noise = flight("for (let i = 0; i < 300; i++) console.log('x'.repeat(1e5)); return ''");
    expect((await outcome(noise, roomy)).stderr.length).toBeLessThan(100_000);
    const message = flight("throw new Error('x'.repeat(1e6))");
    expect((await outcome(message, roomy)).message.length).toBeLessThan(20_000);
    await expectUnharmed(output);
  });

  test("questions without number end the run", async () => {
    const bytes =
      flight(`try { for (let i = 0; ; i++) call.lookup({ apiVersion: "v1", kind: "Secret", namespace: "", name: "n" + i }) }
      catch { return "went on" }`);
    const names = new Set<string>();
    const { code } = await outcome(bytes, {
      async lookup({ name }) {
        names.add(name);
        return { state: "ok", object: {} };
      },
    });
    expect(code).toBe("FLIGHT_TOO_MANY_LOOKUPS");
    expect(names.size).toBe(mostQuestions);
    await expectUnharmed(bytes);
  });
});

describe("JavaScript that looks for a way out", () => {
  test.each([
    [
      "the global object",
      "return Object.getOwnPropertyNames(globalThis).filter(n => /^(process|require|fetch|Worker|Buffer|WebAssembly|postMessage|std|os|load|print|scriptArgs|navigator|performance|[a-z]*Timeout|Atomics|write|ask|done)$/.test(n)).join()",
    ],
    [
      "constructors",
      "return [call.lookup.constructor('return typeof process')(), (0, eval)('typeof process'), Function('return typeof require')()].filter(t => t !== 'undefined').join()",
    ],
    [
      "what the host handed over",
      "return Object.keys(call).filter(k => !['stdin', 'args', 'env', 'lookup', 'restMapping'].includes(k)).join()",
    ],
    ["callers", "try { return String(call.lookup.caller ?? '') } catch { return '' }"],
    ["its environment", "return JSON.stringify(call.env).slice(1, -1)"],
    [
      "stack frames",
      "try { null.x } catch (e) { return /node|worker|\\.ts|\\/tmp|\\/home/.test(e.stack) ? e.stack : '' }",
    ],
  ])("%s lead nowhere", async (_, body) => {
    const bytes = flight(body);
    const { stdout, message } = await outcome(bytes);
    expect(message).toBeUndefined();
    expect(stdout).toBe("");
    await expectUnharmed(bytes);
  });

  test.each([
    ["modules of Node's", "import fs from 'node:fs'; export default () => fs.readFileSync('/etc/passwd', 'utf8')"],
    ["modules of the network's", "import x from 'https://example.com/x.js'; export default () => x"],
    ["modules of the engine's", "import * as std from 'std'; export default () => std.getenviron()"],
  ])("%s are not there", async (_, source) => {
    expect((await outcome(new TextEncoder().encode(source))).code).toBe("FLIGHT_FAILED");
    await expectUnharmed();
  });

  test.each([
    "Date.now()",
    "new Date().getTime()",
    "new (new Date(0).constructor)().getTime()",
    "Math.random()",
    "Reflect.construct(Date, [])",
  ])("%s tells nothing that differs between runs", async expression => {
    const bytes = flight(`try { return String(${expression}) } catch (e) { return e.name }`);
    const { stdout } = await outcome(bytes);
    expect((await outcome(bytes)).stdout).toBe(stdout);
    await expectUnharmed(bytes);
  });

  test.each([
    ["Object.prototype", "Object.prototype.polluted = 1"],
    ["__proto__", '({}).__proto__.polluted = 1; JSON.parse(\'{"__proto__":{"polluted":2}}\')'],
    [
      "constructor.prototype",
      "[].constructor.prototype.map = () => ['owned']; ''.constructor.prototype.replace = () => 'owned'",
    ],
    ["JSON", "JSON.parse = () => ({ a: 'owned' }); JSON.stringify = () => 'owned'"],
    ["the global object", "globalThis.left = 1; globalThis.console = { log: 1 }; delete globalThis.Map"],
    [
      "setters for what the host reads",
      "for (const k of ['stdin', 'args', 'exitCode', 'stdout', 'state', 'then']) Object.defineProperty(Object.prototype, k, { get() { return 'owned' }, set() {} })",
    ],
    [
      "frozen built-ins",
      "for (const n of Object.getOwnPropertyNames(globalThis)) try { Object.freeze(globalThis[n]); Object.freeze(globalThis[n].prototype) } catch {}",
    ],
    [
      "symbols of all",
      "Symbol.for('left').description; Object.prototype[Symbol.toPrimitive] = () => 'owned'; Object.prototype[Symbol.iterator] = null",
    ],
    ["a kept lookup", "globalThis.left = call.lookup; Promise.resolve().then(() => { Object.prototype.polluted = 1 })"],
    [
      "garbage of its own",
      "globalThis.left = new FinalizationRegistry(() => { Object.prototype.polluted = 1 }); left.register({}, 1)",
    ],
  ])("what it does to %s is gone with the run", async (_, body) => {
    const bytes = flight(`${body}; return "done"`);
    for (let i = 0; i < 2; i++) await outcome(bytes);
    await expectUnharmed(bytes);
  });

  test("names of paths and kinds of nothing are asked of nobody", async () => {
    const odd = ["../../secrets/x", "..", "a%2fb", "a/b/c", "\u0000", "x".repeat(5000), "a\n", "ä/"];
    const bytes = flight(`return JSON.stringify(${JSON.stringify(odd)}.flatMap(odd => [
      call.lookup({ apiVersion: "v1", kind: "Secret", namespace: "", name: odd }),
      call.lookup({ apiVersion: "v1", kind: odd, namespace: "", name: "x" }),
      call.lookup({ apiVersion: odd, kind: "Secret", namespace: "", name: "x" }),
      call.lookup({ apiVersion: "v1", kind: "Secret", namespace: odd, name: "x" }),
      call.restMapping({ apiVersion: odd, kind: "Secret" }),
      call.restMapping({ apiVersion: "v1", kind: odd }),
      call.lookup({ name: {} }),
    ]).map(({ state }) => state).filter(state => state !== "error"))`);
    const asked: unknown[] = [];
    const lookup: FlightRun["lookup"] = async request => {
      asked.push(request);
      return { state: "not-found", message: "" };
    };
    const { stdout } = await outcome(bytes, { lookup });
    expect([stdout, asked]).toEqual(["[]", []]);
  });

  test("a value that is thrown, logged or cut in two is not told", async () => {
    const value = "correct-horse-battery-staple";
    const redactor = new Redactor();
    redactor.remember({ password: Buffer.from(value).toString("base64") });
    const said = [
      `throw new Error("got ${value}")`,
      `console.log("${value}"); throw 1`,
      `console.log("x".repeat(65530) + "${value}"); throw 1`,
      `throw new Error("x".repeat(8185) + "${value}")`,
      `throw "${value}"`,
      `throw { name: "${value}", message: ${JSON.stringify(Buffer.from(`a:${value}`).toString("base64"))} }`,
    ];
    for (const body of said) {
      const { message } = await outcome(flight(body));
      expect(redactor.redact(message)).not.toMatch(/corr|horse|battery|Y29ycmVjd|b3JyZWN0/);
    }
    const { stderr } = await outcome(flight(`console.log("x".repeat(65530) + "${value}"); return ""`));
    expect(stderr).toContain(`corre${cutMark}`.slice(-cutMark.length));
    expect(redactor.redact(stderr)).not.toContain("corr");
  });
});

describe("WebAssembly that means harm", () => {
  const poll: Import = ["wasi_snapshot_preview1", "poll_oneoff", [i32, i32, i32, i32], [i32]];
  const yields: Import = ["wasi_snapshot_preview1", "sched_yield", [], []];
  const grow = [...constant(16), 0x40, 0, drop];
  const tables = (...limits: readonly number[]) => vector([[0x70, ...limits]]);
  const anything = (at: number) => [1, at, 1, 32].flatMap(constant);
  /** An iovec of a MiB at 0, and of nothing at 8. */
  const mebibyte = "\0\0\0\0\0\0\u0010\0\0\0\0\0\0\0\0\0";
  const wide = [0, 32];

  test.each<[string, Uint8Array, RegExp]>([
    ["a loop", assemble({ code: forever([]) }), /TIMEOUT/],
    ["calls of the host without end", assemble({ imports: [yields], code: forever(call(0)) }), /TIMEOUT/],
    ["a loop before it starts", assemble({ code: forever([]), sections: { 8: [0] } }), /TIMEOUT/],
    ["recursion", assemble({ code: call(0) }), /FAILED/],
    [
      "recursion through malloc",
      assemble({
        imports: [lookup],
        code: [...constant(0), ...long(0n), ...long(0n), ...long(0n), ...long(0n), ...call(0), drop],
        malloc: [0x20, 0, ...call(2)],
      }),
      /FAILED/,
    ],
    ["a trap", assemble({ code: [unreachable] }), /FAILED/],
    ["a trap before it starts", assemble({ code: [unreachable], sections: { 8: [0] } }), /FAILED/],
    ["all memory", assemble({ code: forever(grow) }), /TIMEOUT/],
    [
      "a table without end",
      assemble({ code: forever([0xd0, 0x70, ...constant(100_000), 0xfc, 15, 0, drop]), sections: { 4: tables(0, 0) } }),
      /TIMEOUT/,
    ],
    ["a giant table", assemble({ code: [], sections: { 4: tables(0, ...size(200_000_000)) } }), /BAD_MODULE/],
    [
      "output without end",
      assemble({ imports: [write], code: forever([...anything(0), ...call(0), drop]), memory: wide, data: mebibyte }),
      /OUTPUT_TOO_LARGE/,
    ],
    [
      "output of nothing without end",
      assemble({ imports: [write], code: forever([...anything(8), ...call(0), drop]), memory: wide, data: mebibyte }),
      /TIMEOUT/,
    ],
    [
      "a sleep for ever",
      assemble({
        imports: [poll],
        code: [...[0, 64, 1, 128].flatMap(constant), ...call(0), drop],
        data: `${"\0".repeat(24)}${"\x7f".repeat(8)}`,
      }),
      /TIMEOUT/,
    ],
    [
      "an import of JavaScript's",
      assemble({ imports: [["constructor", "constructor", [], []]], code: [] }),
      /BAD_MODULE/,
    ],
    [
      "an import of a prototype's",
      assemble({ imports: [["host", "__defineGetter__", [], []]], code: [] }),
      /BAD_MODULE/,
    ],
    [
      "an import of a socket",
      assemble({ imports: [["wasi_snapshot_preview2", "sock_connect", [], []]], code: [] }),
      /BAD_MODULE/,
    ],
  ])("%s is contained", async (_, bytes, code) => {
    expect((await outcome(bytes, code.test("TIMEOUT") ? soon : {})).code).toMatch(code);
    await expectUnharmed();
    const next = assemble({ imports: [exit], code: [...constant(7), ...call(0)] });
    expect(await outcome(next)).toMatchObject({ exitCode: 7 });
  });

  test("what one run leaves in memory the next does not find", async () => {
    // Exits with the word at 512, after writing one there.
    const bytes = assemble({
      imports: [exit],
      code: [...constant(512), 0x28, 2, 0, ...constant(512), ...constant(99), 0x36, 2, 0, ...call(0)],
    });
    for (let i = 0; i < 3; i++) expect(await outcome(bytes)).toMatchObject({ exitCode: 0 });
  });
});
