import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import demo from "../../flights/backend/flight.ts";
import { type BuiltFlight, buildFlight } from "../../flights/build.ts";
import { render } from "../../flights/sdk/testing.ts";
import { flightModuleOf } from "./loader.ts";
import { createSandbox, type FlightRun } from "./sandbox.ts";

const sandbox = createSandbox({ workers: 1 });
let built: BuiltFlight;
beforeAll(async () => {
  built = await buildFlight(fileURLToPath(new URL("../../flights/backend/flight.ts", import.meta.url)));
});
afterAll(() => sandbox.close());

const instance = { apiVersion: "examples.com/v1", kind: "Backend", metadata: { name: "nginx", namespace: "shop" } };
const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "nginx", namespace: "shop" },
  data: { hello: "d29ybGQ=", schlüssel: "eA==" },
};

function runOf(spec: unknown, objects: readonly (typeof secret)[]): FlightRun {
  return {
    module: flightModuleOf(new TextEncoder().encode(built.code)),
    stdin: JSON.stringify({ ...instance, spec }),
    args: ["examples.com.Backend.shop.nginx"],
    env: { NAMESPACE: "shop" },
    timeoutMs: 10_000,
    maxMemoryMib: 0,
    lookup: async () => (objects[0] ? { state: "ok", object: objects[0] } : { state: "not-found", message: "none" }),
  };
}

test.each([
  ["with the Secret", { replicas: 3 }, [secret]],
  ["without it", {}, []],
])("the built demo renders in the sandbox what its source renders in a test: %s", async (_, spec, objects) => {
  const { stdout } = await sandbox.run(runOf(spec, objects));
  const expected = render(demo, { ...instance, spec }, { objects });
  expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(expected.stages)));
});

test("a spec that the schema refuses fails with its path", async () => {
  await expect(sandbox.run(runOf({ replicas: -1 }, []))).rejects.toMatchObject({
    code: "FLIGHT_FAILED",
    message: expect.stringContaining("spec.replicas"),
  });
});

test("a flight that throws is named at its source", async () => {
  const folder = await mkdtemp(join(tmpdir(), "flight-"));
  try {
    const sdk = fileURLToPath(new URL("../../flights/sdk/index.ts", import.meta.url));
    const zod = fileURLToPath(import.meta.resolve("zod"));
    const source = `import { defineFlight } from ${JSON.stringify(sdk)};
import * as z from ${JSON.stringify(zod)};
const fail = () => {
  throw new Error("no idea");
};
export default defineFlight({ group: "g.example", kind: "K", spec: z.object({}), render: () => [fail()] });`;
    await writeFile(join(folder, "broken.ts"), source);
    const { code } = await buildFlight(join(folder, "broken.ts"));
    const run = { ...runOf({}, []), module: flightModuleOf(new TextEncoder().encode(code)) };
    await expect(sandbox.run(run)).rejects.toMatchObject({
      message: expect.stringMatching(/Error: no idea\n.*\(broken\.ts:4\)\n.*\(broken\.ts:6\)/),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
