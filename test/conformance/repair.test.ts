/** What the controller does unasked: on a schedule, while it waits, when a namespace goes, and after it was away. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { backend, backendV1 } from "./support/backend.ts";
import { differs } from "./support/scenario.ts";
import { Stage } from "./support/stage.ts";

const stage = new Stage("repair");

beforeAll(async () => {
  await stage.open();
  await stage.define("Backend", "backend-v1", { template: backendV1 });
  await stage.define("Drifting", "backend-v1", { template: backendV1, spec: { fixDriftInterval: "500ms" } });
  await stage.define("LongRunning", "longrunning");
});
afterAll(() => stage.close());

const configurations = async () => {
  const found = await stage.list("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration");
  return found.map(({ metadata }) => metadata.name).filter(name => name.startsWith("atc-"));
};
const installed = ["atc-airway", "atc-flight", "atc-resources"];
const noWideWebhook = differs(
  "three: `atc-external-resources`, a webhook on every write of the cluster, is never installed",
);

test("C11 while the controller runs its webhook configurations exist", noWideWebhook, async () => {
  expect(await configurations()).toEqual(installed);
});

test("C12 the webhook configurations go with the controller and come back with it", noWideWebhook, async () => {
  await stage.stopController();
  expect(await configurations()).toEqual([]);
  await stage.startController();
  await eventually("the configurations are there", async () => expect(await configurations()).toEqual(installed));
});

test("C13 after a restart of the controller a Backend is accepted and becomes ready", async () => {
  const ref = stage.custom("Backend", "c13");
  await eventually("the Backend is accepted", () => stage.put(ref, backend(1)));
  await stage.ready(ref);
});

test("C19 what somebody changed in a child is set back within the drift interval", async () => {
  await stage.put(stage.custom("Drifting", "c19"), backend(2));
  await eventually("the Deployment is there", () => stage.get(stage.deployment("c19")));
  await stage.merge(stage.deployment("c19"), { spec: { replicas: 1 } });
  await eventually("two replicas", async () =>
    expect(await stage.get(stage.deployment("c19"))).toMatchObject({ spec: { replicas: 2 } }),
  );
});

test("C20 a Job that runs is in progress, then ready, and nothing else", async () => {
  const ref = stage.custom("LongRunning", "c20");
  const reasons = await stage.reasons(ref);
  await stage.put(ref, {});
  await eventually("ready", () => expect(reasons.seen.at(-1)).toBe("Ready"));
  await reasons.stop();
  expect(reasons.seen).toEqual(["InProgress", "Ready"]);
});

test("C45 a namespace that is deleted takes its Backend along, and no webhook or finalizer stops it", async () => {
  const namespace = stage.ref("v1", "Namespace", "conformance-c45", "");
  const ref = stage.custom("Backend", "c45", namespace.name);
  await stage.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace.name } });
  await stage.put(ref, backend(1));
  await stage.ready(ref);
  await stage.delete(namespace);
  await stage.gone(ref);
  await stage.gone(namespace);
});
