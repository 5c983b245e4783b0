/** WebAssembly flights as Go builds them, with nothing but its standard library. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { flightModuleOf } from "../../controller/flight/loader.ts";
import { createSandbox, type FlightModule, type FlightRun } from "../../controller/flight/sandbox.ts";
import { buildFlights } from "../flights/build.ts";

const sandbox = createSandbox({ workers: 1 });
let module: FlightModule;

beforeAll(async () => {
  module = flightModuleOf(await readFile(join(await buildFlights(), "probe")));
});
afterAll(() => sandbox.close());

const run = (stdin: string, over: Partial<FlightRun> = {}) =>
  sandbox.run({
    module,
    stdin,
    args: ["release", "more"],
    env: { NAMESPACE: "shop" },
    timeoutMs: 60_000,
    maxMemoryMib: 0,
    lookup: async request =>
      request.name === "here" ? { state: "ok", object: request } : { state: "forbidden", message: "not yours" },
    restMapping: async ({ group, version, kind }) => ({
      state: "ok",
      mapping: { group, version: version || "any", kind, resource: "things", namespaced: true },
    }),
    ...over,
  });

test("input, arguments and environment arrive, and nothing else of the host does", async () => {
  const { exitCode, stdout } = await run("echo hello");
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ args: ["release", "more"], namespace: "shop", stdin: "hello", env: 1 });
  expect((await run("file")).stdout).toMatch(/^open \/etc\/passwd: /);
});

test("lookups give the object, or the state with the reason", async () => {
  const found = { apiVersion: "v1", kind: "Secret", namespace: "ns", name: "here" };
  expect((await run("lookup here,ns,Secret,v1")).stdout).toBe(`0 ${JSON.stringify(found)}`);
  expect((await run("lookup gone,,Secret,v1")).stdout).toBe("5 not yours");
  const states = { "no-access": 1, error: 2, "not-found": 3, unauthenticated: 4, forbidden: 5 } as const;
  for (const [state, code] of Object.entries(states)) {
    const lookup = async () => ({ state: state as keyof typeof states, message: "why" });
    expect((await run("lookup x,,Secret,v1", { lookup })).stdout).toBe(`${code} why`);
  }
});

test.each([
  ["apps/v1,Deployment", "apps", "v1"],
  ["apps,Deployment", "apps", "any"],
  [",Deployment", "", "any"],
  ["/v1,Deployment", "", "v1"],
  ["v1,Deployment", "", "v1"],
])("mapping of %s", async (asked, group, version) => {
  const { stdout } = await run(`map ${asked}`);
  expect(stdout).toBe(
    `0 ${JSON.stringify({ Group: group, Version: version, Kind: "Deployment", Resource: "things", Namespaced: true })}`,
  );
});

test("an exit code comes with stdout and stderr; a panic is one", async () => {
  expect(await run("fail no image")).toMatchObject({ exitCode: 3, stdout: "[]", stderr: "no image" });
  expect(await run("panic oops")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("panic: oops") });
});

test("clocks run and sleep sleeps, until the time-out", async () => {
  expect((await run("sleep")).stdout).toBe("true true");
  for (const verb of ["loop", "sleep-long"]) {
    await expect(run(verb, { timeoutMs: 30 })).rejects.toMatchObject({
      code: "FLIGHT_TIMEOUT",
      message: "module closed with context deadline exceeded: execution timeout (30ms) exceeded",
    });
  }
});

test("memory past the cap fails inside of the guest, output past the cap outside", async () => {
  const { exitCode, stderr } = await run("memory", { maxMemoryMib: 64 });
  expect(exitCode).toBe(2);
  expect(stderr).toContain("out of memory");
  await expect(run("output")).rejects.toMatchObject({ code: "FLIGHT_OUTPUT_TOO_LARGE" });
  expect((await run("echo after")).exitCode).toBe(0);
});
