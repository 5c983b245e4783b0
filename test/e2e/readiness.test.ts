/** When objects are ready: what users say about kinds, on a real API server. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "readiness");
const { namespace, group } = world;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Echo", flight: echo });
  await world.apply(widgets);
  await eventually("Widgets are served", async () => {
    world.client.discovery.invalidate(`${group}/v1`);
    expect(await world.client.discovery.resolve(`${group}/v1`, "Widget")).toBeDefined();
  });
});

afterAll(async () => {
  const unknown = await atc.metric("atc_reconcile_errors_total", { code: "UNKNOWN" });
  await world.delete(world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `widgets.${group}`, ""));
  await world.close().finally(() => atc.kill("SIGTERM"));
  expect(unknown).toBe(0);
});

const any = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** A kind that no Airway defines, with a status of its own. */
const widgets: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    names: { kind: "Widget", plural: "widgets" },
    scope: "Namespaced",
    versions: [
      {
        ...{ name: "v1", served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { type: "object", properties: { spec: any, status: any } } },
      },
    ],
  },
};

function widget(name: string): KubeObject {
  return { apiVersion: `${group}/v1`, kind: "Widget", metadata: { name }, spec: { size: 1 } };
}

function report(name: string, conditions: Record<string, string>): Promise<unknown> {
  const list = Object.entries(conditions).map(([type, status]) => ({ type, status }));
  const { apiVersion, kind, metadata } = widget(name);
  const status = { conditions: list };
  return world.client.apply(
    { apiVersion, kind, metadata: { ...metadata, namespace }, status },
    { fieldManager: "widget-controller", force: true, subresource: "status" },
  );
}

function rule(data: Record<string, string>, language = "conditions"): Promise<KubeObject> {
  const metadata = { name: "rules", namespace, labels: { "resource.yoke.cd/readiness": language } };
  return world.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
}

const noRule = () => world.delete(world.configMap("rules"));
const instance = (name: string) => world.instanceRef("Echo", name);
const waits = (name: string, words: string) =>
  world.condition(instance(name), ({ status, reason, message }) => {
    return status === "False" && reason === "InProgress" && message.includes(words);
  });
const renders = () => atc.metric("atc_renders_total", { result: "rendered" });

describe("a ConfigMap with conditions", () => {
  it("says at once when what is there is ready, and renders nothing", async () => {
    await world.instance("Echo", "one", { stages: [widget("one")] });
    const before = await renders();
    await rule({ [`Widget.${group}`]: "Synced Healthy" });
    await waits("one", `waiting for Widget ${namespace}/one: condition Healthy is not reported yet`);
    await report("one", { Synced: "True", Healthy: "False" });
    await waits("one", "condition Healthy is False");
    await report("one", { Synced: "True", Healthy: "True" });
    await world.ready(instance("one"));
    await rule({ [`_.${group}`]: "Blessed" });
    await waits("one", "condition Blessed is not reported yet");
    await noRule();
    await world.ready(instance("one"));
    expect(await renders()).toBe(before);
  });

  it("counts for each stage", async () => {
    await rule({ [`Widget.${group}`]: "Synced" });
    const second = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "second" } };
    await world.applyInstance("Echo", "staged", { stages: [[widget("staged")], [second]] });
    await waits("staged", `stage 1 of 2: waiting for Widget ${namespace}/staged: condition Synced is not reported yet`);
    expect(await world.client.get(world.configMap("second"))).toBeUndefined();
    await report("staged", { Synced: "True" });
    await world.ready(instance("staged"));
    await world.get(world.configMap("second"));
    await noRule();
  });

  it("makes kinds be watched whole that were ready by being there", async () => {
    const spec = { minAvailable: 1, selector: { matchLabels: { app: "nobody" } } };
    const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "budget" }, spec };
    await world.instance("Echo", "budget", { stages: [budget] });
    await rule({ "PodDisruptionBudget.policy": "DisruptionAllowed" });
    await waits("budget", `waiting for PodDisruptionBudget ${namespace}/budget: condition DisruptionAllowed is `);
    await noRule();
    await world.ready(instance("budget"));
  });

  it("is known after a restart before anything is judged", async () => {
    await world.instance("Echo", "restarted", { stages: [widget("restarted")] });
    await rule({ [`Widget.${group}`]: "Synced" });
    await waits("restarted", "condition Synced");
    const { resourceVersion } = (await world.get(instance("restarted"))).metadata;
    await atc.kill("SIGTERM");
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await atc.settled();
    expect((await world.get(instance("restarted"))).metadata.resourceVersion).toBe(resourceVersion);
    await noRule();
    await world.ready(instance("restarted"));
  });
});

describe("a Job that fails", () => {
  const job = (name: string, image: string): KubeObject => {
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "main", image }] } };
    return {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name },
      spec: { backoffLimit: 0, suspend: true, template },
    };
  };

  /** As Kubernetes' own controller does; the Job is suspended, so that it keeps out. */
  async function fails(name: string): Promise<void> {
    const ref = world.ref("batch/v1", "Job", name);
    await world.get(ref);
    const at = "2026-01-01T00:00:00Z";
    const of = {
      status: "True",
      reason: "BackoffLimitExceeded",
      message: "",
      lastProbeTime: at,
      lastTransitionTime: at,
    };
    const conditions = [
      { type: "FailureTarget", ...of },
      { type: "Failed", ...of },
    ];
    await world.client.patch(
      ref,
      { status: { startTime: at, conditions } },
      { type: "merge", fieldManager: "e2e", subresource: "status" },
    );
  }

  it("is an error of its release, also in a stage that others wait for, and ends with it", async () => {
    await world.applyInstance("Echo", "job", { stages: [job("job", "one")] });
    await waits("job", "Job");
    await fails("job");
    const words = `Job ${namespace}/job: failed: BackoffLimitExceeded`;
    await world.condition(instance("job"), ({ reason, message }) => reason === "Error" && message === words);
    const later = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "later" } };
    await world.applyInstance("Echo", "job", { stages: [[job("job", "one")], [later]] });
    const staged = `stage 1 of 2: ${words}`;
    await world.condition(instance("job"), ({ reason, message }) => reason === "Error" && message === staged);
    expect(await world.client.get(world.configMap("later"))).toBeUndefined();
    await world.instance("Echo", "job", { stages: [[later]] });
    await world.gone(world.ref("batch/v1", "Job", "job"));
    await world.get(world.configMap("later"));
  });
});

describe("what cannot count", () => {
  it("is told by an Event, and by the releases with such a kind", async () => {
    await world.instance("Echo", "scripted", { stages: [widget("scripted")] });
    await rule({ [`Widget.${group}`]: "return function(object) return true end", "Deployment.apps": "" }, "lua");
    const told = await waits("scripted", "readiness in Lua is not supported (RELEASE_READINESS_LUA)");
    expect(conditionOf(told)?.message).toContain(`ConfigMap ${namespace}/rules, key Widget.${group}`);
    await eventually("the Events", async () => {
      const events = (await world.events("rules")).join("\n");
      expect(events).toContain("(RELEASE_READINESS_LUA)");
      expect(events).toContain("key Deployment.apps: names a kind whose readiness is built in");
    });
    await noRule();
    await world.ready(instance("scripted"));
  });

  it("is nothing where custom readiness is switched off", async () => {
    await atc.kill("SIGTERM");
    atc = await startAtc({ kubeconfig: inject("kubeconfig"), env: { DISABLE_CUSTOM_READINESS: "true" } });
    await rule({ [`Widget.${group}`]: "Synced" });
    await world.instance("Echo", "off", { stages: [widget("off")] });
    await noRule();
  });
});
