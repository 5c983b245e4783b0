import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import demo from "../../flights/backend/flight.ts";
import { type BuiltFlight, buildFlight, buildModule } from "../../flights/build.ts";
import { render } from "../../flights/sdk/testing.ts";
import { flightModuleOf } from "./loader.ts";
import { createSandbox, type FlightModule, type FlightRun } from "./sandbox.ts";

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
    timeoutMs: 50_000,
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

const sdk = fileURLToPath(new URL("../../flights/sdk/index.ts", import.meta.url));
const zod = fileURLToPath(import.meta.resolve("zod"));

/** A module built from source that may use the SDK and zod. */
async function moduleOf(file: string, source: string): Promise<FlightModule> {
  const folder = await mkdtemp(join(tmpdir(), "flight-"));
  try {
    const imports = `import * as sdk from ${JSON.stringify(sdk)}; import * as z from ${JSON.stringify(zod)};`;
    await writeFile(join(folder, file), `${imports}\n${source}`);
    const { code } = await buildModule(join(folder, file));
    return flightModuleOf(new TextEncoder().encode(code));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a flight that throws is named at its source", async () => {
  const module = await moduleOf(
    "broken.ts",
    `const fail = () => {
  throw new Error("no idea");
};
export default sdk.defineFlight({ group: "g.example", kind: "K", spec: z.object({}), render: () => [fail()] });`,
  );
  await expect(sandbox.run({ ...runOf({}, []), module })).rejects.toMatchObject({
    message: expect.stringMatching(/Error: no idea\n.*\(broken\.ts:3\)\n.*\(broken\.ts:5\)/),
  });
});

test("a flight that fails on purpose exits with 1, its message on stderr and its status on stdout", async () => {
  const module = await moduleOf(
    "failing.ts",
    `export default sdk.defineFlight({ group: "examples.com", kind: "Backend", spec: z.object({}),
       status: z.object({ msg: z.string() }), render: ({ withStatus }) => sdk.fail("no source", withStatus({ msg: "waits" })) });`,
  );
  const { exitCode, stdout, stderr } = await sandbox.run({ ...runOf({}, []), module });
  expect({ exitCode, stderr, output: JSON.parse(stdout) }).toEqual({
    exitCode: 1,
    stderr: "no source",
    output: [{ ...instance, status: { msg: "waits" } }],
  });
});

test("a program of a Flight gets its input and arguments, and maps kinds", async () => {
  const module = await moduleOf(
    "program.ts",
    `export default sdk.defineProgram({ render: ({ input, args, release, namespace, env }) => [
       sdk.ConfigMap({ metadata: { name: release, namespace }, data: { input, args: args.join(),
         version: env.YOKE_VERSION, kind: sdk.restMapping("apps", "Deployment")?.resource ?? "none",
         none: String(sdk.restMapping("example.com/v1", "Nothing")) } })] });`,
  );
  const { stdout } = await sandbox.run({
    ...runOf({}, []),
    module,
    stdin: "any text",
    args: ["mine", "a", "b"],
    env: { NAMESPACE: "shop", YOKE_VERSION: "v1.2.3" },
    restMapping: async ({ group, version, kind }) =>
      group === "apps"
        ? { state: "ok", mapping: { group, version: version || "v1", kind, resource: "deployments", namespaced: true } }
        : { state: "not-found", message: "none" },
  });
  expect(JSON.parse(stdout)).toMatchObject([
    [
      {
        metadata: { name: "mine", namespace: "shop" },
        data: { input: "any text", args: "a,b", version: "v1.2.3", kind: "deployments", none: "undefined" },
      },
    ],
  ]);
});

test("a converter answers a review", async () => {
  const module = await moduleOf(
    "converter.ts",
    `export default sdk.defineConverter({ group: "examples.com", kind: "Backend", hub: "v2", versions: {
       v1: { toHub: ({ spec }) => ({ spec: { img: spec.image } }), fromHub: ({ spec }) => ({ spec: { image: spec.img } }) } } });`,
  );
  const review = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    request: { uid: "1", desiredAPIVersion: "examples.com/v2", objects: [{ ...instance, spec: { image: "x" } }] },
  };
  const run = { ...runOf({}, []), module, stdin: JSON.stringify(review), args: ["converter"], env: {} };
  expect(JSON.parse((await sandbox.run(run)).stdout)).toMatchObject({
    kind: "ConversionReview",
    response: {
      uid: "1",
      result: { status: "Success" },
      convertedObjects: [{ ...instance, apiVersion: "examples.com/v2", spec: { img: "x" } }],
    },
  });
});
