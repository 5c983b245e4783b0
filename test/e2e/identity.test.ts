/** What a flight says of its own instance, on a real API server: the status of the instance in its output. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "identity");
let atc: Atc;

/** Renders `spec.objects` and, where `spec.status` is given, the instance with that status; ends with `spec.exit`. */
const outspoken = `export default ({ stdin }) => {
  const { apiVersion, kind, metadata: { name, namespace }, spec } = JSON.parse(stdin);
  const { status, objects = [], exit = 0 } = spec;
  const itself = status === undefined ? [] : [{ apiVersion, kind, metadata: { name, namespace }, status }];
  return { exitCode: exit, stdout: JSON.stringify([...objects, ...itself]), stderr: exit === 0 ? "" : "not like this" };
};`;

const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const schemaWith = (status: Readonly<Record<string, unknown>>) => ({
  type: "object",
  properties: { spec: open, status: { type: "object", ...status } },
});
const text = { type: "string" };

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  const free = schemaWith({
    properties: { phase: text, url: text, size: { type: "object", properties: { pods: text } } },
  });
  await world.airway({ kind: "Free", flight: outspoken, schema: free });
  const strict = schemaWith({ required: ["msg"], properties: { msg: text } });
  await world.airway({ kind: "Strict", flight: outspoken, schema: strict });
});

afterAll(async () => {
  const unknown = await atc.metric("atc_reconcile_errors_total", { code: "UNKNOWN" });
  await world.close().finally(() => atc.kill("SIGTERM"));
  expect(unknown).toBe(0);
});

const configMap = (name: string): KubeObject => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const custom = { type: "Custom", status: "Success", reason: "Said", message: "by the flight" };

interface Status extends Record<string, unknown> {
  readonly conditions: readonly { readonly type: string; readonly [field: string]: unknown }[];
  readonly atc?: { readonly inventory: readonly { readonly name: string }[] };
}

function statusOf(instance: KubeObject): Status {
  return instance["status"] as Status;
}

describe("the status that a flight returns", () => {
  it("stands beside the controller's own, and goes where it is not returned any more", async () => {
    const said = { phase: "new", url: "http://here", size: { pods: "3" }, conditions: [custom] };
    const first = await world.instance("Free", "merged", { objects: [configMap("merged")], status: said });
    const { conditions, atc: record, ...fields } = statusOf(first);
    expect(fields).toEqual({ phase: "new", url: "http://here", size: { pods: "3" } });
    expect(conditions.map(({ type }) => type).sort()).toEqual(["Custom", "Ready"]);
    expect(conditions).toContainEqual(expect.objectContaining(custom));
    expect(record?.inventory).toMatchObject([{ name: "merged" }]);
    expect(await world.client.get(world.configMap("merged"))).toBeDefined();

    const next = await world.instance("Free", "merged", { objects: [configMap("merged")], status: { phase: "old" } });
    const { conditions: left, atc: kept, ...rest } = statusOf(next);
    expect(rest).toEqual({ phase: "old" });
    expect(left.map(({ type }) => type)).toEqual(["Ready"]);
    expect(kept?.inventory).toMatchObject([{ name: "merged" }]);
  });

  it("stays when the instance is not returned, also over a restart and what others write", async () => {
    await world.instance("Free", "lasting", { status: { phase: "said", conditions: [custom] } });
    await world.instance("Free", "lasting", { objects: [configMap("lasting")] });
    await atc.kill("SIGTERM");
    const foreign = {
      type: "Foreign",
      status: "True",
      reason: "r",
      message: "m",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const { apiVersion, kind, name, namespace } = world.instanceRef("Free", "lasting");
    await world.client.apply(
      { apiVersion, kind, metadata: { name, namespace }, status: { conditions: [foreign] } },
      { fieldManager: "e2e-other", force: true, subresource: "status" },
    );
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "lasting" },
      spec: { suspend: true, template: podTemplate },
    };
    await world.applyInstance("Free", "lasting", { objects: [job] });
    const waiting = await world.condition(world.instanceRef("Free", "lasting"), ({ message }) =>
      message.includes("Job"),
    );
    const { conditions, phase } = statusOf(waiting);
    expect(phase).toBe("said");
    expect(conditions.map(({ type }) => type).sort()).toEqual(["Custom", "Foreign", "Ready"]);
  });

  it("decides with its own Ready, whatever the children are like", async () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "own" },
      spec: unschedulable("own"),
    };
    const ready = { type: "Ready", status: "True", reason: "Custom", message: "as I say" };
    const instance = await world.instance("Free", "own", { objects: [deployment], status: { conditions: [ready] } });
    expect(conditionOf(instance)).toMatchObject(ready);
    await world.instance("Free", "own", { objects: [], status: { conditions: [{ ...ready, reason: "Again" }] } });
    await world.gone(world.deployment("own"));
    await atc.idle();
    expect(conditionOf(await world.get(world.instanceRef("Free", "own")))).toMatchObject({ reason: "Again" });
    await world.applyInstance("Free", "own", { objects: [deployment] });
    await world.condition(world.instanceRef("Free", "own"), ({ reason }) => reason === "InProgress");
  });

  it("is written whole where the schema requires a field, and is the cause of no render", async () => {
    const instance = await world.instance("Strict", "whole", {
      objects: [configMap("whole")],
      status: { msg: "hello" },
    });
    expect(statusOf(instance)["msg"]).toBe("hello");
    await atc.idle();
    const rendered = await atc.metric("atc_renders_total", { result: "rendered" });
    await world.merge(world.instanceRef("Strict", "whole"), { metadata: { finalizers: ["yoke.cd/mayday.flight"] } });
    await atc.idle();
    expect(await atc.metric("atc_renders_total", { result: "rendered" })).toBe(rendered);
    const later = await world.instance("Strict", "whole", { objects: [configMap("whole-2")] });
    expect(statusOf(later)["msg"]).toBe("hello");
    await world.gone(world.configMap("whole"));
  });

  it("is refused with its path where the schema has no such field", async () => {
    await world.applyInstance("Free", "undeclared", { status: { pahse: "typo" } });
    const instance = await world.condition(world.instanceRef("Free", "undeclared"), ({ reason }) => reason === "Error");
    expect(conditionOf(instance)?.message).toContain("pahse");
  });

  it("of a flight with nothing else to say leaves an empty release", async () => {
    await world.instance("Free", "alone", { objects: [configMap("alone")] });
    await world.instance("Free", "alone", { status: { phase: "alone" } });
    await world.gone(world.configMap("alone"));
  });
});

describe("a flight that gives up", () => {
  it("is heard about its instance, and changes nothing else", async () => {
    await world.instance("Free", "failing", { objects: [configMap("failing")], status: { phase: "good" } });
    const ready = { type: "Ready", status: "True", reason: "Mine", message: "no" };
    const spec = { objects: [configMap("other")], status: { phase: "bad", conditions: [ready, custom] }, exit: 1 };
    await world.applyInstance("Free", "failing", spec);
    const failed = await world.condition(world.instanceRef("Free", "failing"), ({ reason }) => reason === "Error");
    expect(conditionOf(failed)).toMatchObject({ status: "False", message: expect.stringContaining("not like this") });
    expect(statusOf(failed)["phase"]).toBe("bad");
    expect(
      statusOf(failed)
        .conditions.map(({ type }) => type)
        .sort(),
    ).toEqual(["Custom", "Ready"]);
    expect(await world.client.get(world.configMap("failing"))).toBeDefined();
    expect(await world.client.get(world.configMap("other"))).toBeUndefined();
    await world.instance("Free", "failing", { objects: [configMap("other")], status: { phase: "good" } });
    await world.gone(world.configMap("failing"));
  });

  it("before it ever said anything is told in an Event where the schema has no room for it", async () => {
    await world.applyInstance("Strict", "mute", { exit: 1 });
    await eventually("an Event of the failure", async () => {
      expect(await world.events("mute")).toEqual([expect.stringContaining("not like this")]);
    });
    await world.instance("Strict", "mute", { status: { msg: "now" } });
  });
});

const podTemplate = { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "none" }] } };

function unschedulable(app: string) {
  const labels = { app };
  const spec = { containers: [{ name: "main", image: "nginx" }], nodeSelector: { no: "node" } };
  return { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } };
}
