/** An Airway and its Backends: from creation over a new version with a converter to deletion. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { conditionOf } from "../e2e/support/world.ts";
import { backend, backendV1, backendV2 } from "./support/backend.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("lifecycle");
const { group } = stage;
const airway = `backends.${group}`;
const c4 = stage.custom("Backend", "c4");
const c7 = stage.custom("Backend", "c7");

beforeAll(() => stage.open());
afterAll(() => stage.close());

const podsOf = (name: string) => stage.list("v1", "Pod", `app=${name}`);

test("C01 an Airway whose only version is not stored is denied", async () => {
  const [version] = backendV1.versions;
  const template = { versions: [{ ...version, storage: false }] };
  const said = await refusal(stage.propose("Backend", "backend-v1", { template }));
  expect(said).toContain('admission webhook "airways.yoke.cd" denied the request');
});

test("C02 a valid Airway becomes Ready", async () => {
  const name = await stage.define("Backend", "backend-v1", { template: backendV1 });
  expect(conditionOf(await stage.get(stage.airwayRef(name)))).toMatchObject({ status: "True", reason: "Ready" });
});

test("C03 a Backend is denied with what the API server says about all of its resources", async () => {
  const said = await refusal(stage.put(stage.custom("Backend", "c3"), backend(-5, { "!": "not a label value !" })));
  expect(said).toContain(`admission webhook "${airway}" denied the request`);
  expect(said).toContain("metadata.labels: Invalid value");
  expect(said).toContain("spec.replicas: Invalid value");
});

test("C04 a Backend of three replicas has three pods with its labels", async () => {
  await stage.put(c4, backend(3, { color: "green" }));
  await eventually("three pods", async () => expect(await podsOf("c4")).toHaveLength(3));
  for (const { metadata } of await podsOf("c4")) expect(metadata.labels).toMatchObject({ color: "green" });
});

test("C05 the pods go when the Backend is deleted", async () => {
  await stage.delete(c4);
  await eventually("no pods", async () => expect(await podsOf("c4")).toEqual([]), { timeoutMs: 120_000 });
});

test("C06 a new version with a converter is served", async () => {
  const wasmUrls = { flight: await stage.url("backend-v2"), converter: await stage.url("converter") };
  await stage.propose("Backend", "backend-v2", { template: backendV2, spec: { wasmUrls } });
  await eventually("discovery shows v2", async () => {
    stage.client.discovery.invalidate(`${group}/v2`);
    expect(await stage.client.discovery.resolve(`${group}/v2`, "Backend")).toMatchObject({ plural: "backends" });
  });
});

test("C07 a Backend made in v1 reads converted in v2, and has one Deployment", async () => {
  await eventually("the Backend is accepted", () => stage.put(c7, backend(2, { color: "blue" })));
  const { spec } = await stage.get({ ...c7, apiVersion: `${group}/v2` });
  expect(spec).toEqual({ img: "nginx:latest", replicas: 2, meta: { labels: { color: "blue" } } });
  await eventually("one Deployment", async () =>
    expect(await stage.list("apps/v1", "Deployment", "app=c7")).toHaveLength(1),
  );
});

const overridden = async (replicas: number) => ({
  metadata: { annotations: { "overrides.yoke.cd/flight": await stage.url("backend-v2-dev") } },
  spec: { replicas },
});

test("C08 an override's flight validates the Backend that asks for it", async () => {
  const said = await refusal(stage.merge(c7, await overridden(2)));
  expect(said).toContain(`admission webhook "${airway}" denied the request`);
  expect(said).toContain("replicas must be odd but got 2");
});

test("C09 an override's flight renders the Backend that asks for it", async () => {
  await stage.merge(c7, await overridden(1));
  await eventually("a DaemonSet instead of the Deployment", async () => {
    expect(await stage.list("apps/v1", "Deployment", "app=c7")).toEqual([]);
    expect(await stage.list("apps/v1", "DaemonSet", "app=c7")).toHaveLength(1);
  });
});

test("C10 an Airway takes its webhook configuration and its CRD along", async () => {
  const webhooks = stage.webhooks(airway);
  const crd = stage.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", airway, "");
  expect((await stage.get(stage.airwayRef(airway))).metadata.finalizers).toEqual(["yoke.cd/strip.airway"]);
  await stage.get(webhooks);
  await stage.delete(stage.airwayRef(airway));
  await stage.gone(stage.airwayRef(airway));
  await stage.gone(webhooks);
  await stage.gone(crd);
});
