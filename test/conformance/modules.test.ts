/** Which modules may run, and for how long. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { backend, backendV1 } from "./support/backend.ts";
import { differs } from "./support/scenario.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("modules");
const backends = stage.airwayRef(`backends.${stage.group}`);
const ref = stage.custom("Backend", "c39");

beforeAll(() => stage.open());
afterAll(() => stage.close());

test("C38 a flight that never ends is stopped, and its custom resource denied", async () => {
  await stage.define("Looper", "timeout", { spec: { timeout: "30ms" } });
  expect(await refusal(stage.put(stage.custom("Looper", "c38"), {}))).toContain(
    "module closed with context deadline exceeded: execution timeout (30ms) exceeded",
  );
});

test("C39 modules that are not on the allow-list are denied, for Airways and for overrides", async () => {
  await stage.define("Backend", "backend-v1", { template: backendV1 });
  await stage.put(ref, backend(1));
  const evil = "http://localhost/evil.wasm";
  const said = await refusal(stage.merge(backends, { spec: { wasmUrls: { flight: evil } } }));
  expect(said).toContain(`module "${evil}" not allowed`);
  const overriding = "http://localhost/evilmodule";
  const annotations = { "overrides.yoke.cd/flight": overriding };
  const overridden = await refusal(stage.merge(ref, { metadata: { annotations } }));
  expect(overridden).toContain(`admission webhook "backends.${stage.group}" denied the request`);
  expect(overridden).toContain(`module "${overriding}" not allowed`);
});

const verifiedOnEveryUse = differs(
  "the Airway's update is denied already, because a module is verified on every use and not only when it is fetched",
);

test("C40 a module with another checksum than the Airway's does not run", verifiedOnEveryUse, async () => {
  const wasmUrls = { flightChecksum: "applebottomjeans" };
  expect(await refusal(stage.merge(backends, { spec: { wasmUrls } }))).toContain(
    'cannot verify module against expected checksum: wanted "applebottomjeans"',
  );
  await stage.merge(ref, { spec: { replicas: 2 } });
});
