/** What the controller does, on a real API server, with a flight that looks a Secret up and one that returns its spec. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo, hashOf } from "./support/flights.ts";
import { conditionOf, hashOn, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "controller");
const { namespace, group } = world;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Backend", flight: backend });
  await world.airway({ kind: "Echo", flight: echo });
});

afterAll(async () => {
  const unknown = await atc.metric("atc_reconcile_errors_total", { code: "UNKNOWN" });
  await world.close().finally(() => atc.kill("SIGTERM"));
  expect(unknown).toBe(0);
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
const hashFor = (value: string) => hashOf({ hello: base64(value) });

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

/** A Deployment that no node is good enough for, or one that gets its pods. */
function deployment(name: string, { schedulable }: { schedulable: boolean }): KubeObject {
  const labels = { app: name };
  const spec = { containers: [{ name: "main", image: "nginx" }], nodeSelector: schedulable ? {} : { no: "node" } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

function rolledTo(name: string, value: string): Promise<KubeObject> {
  return eventually(`Deployment ${name} has the hash of ${value}`, async () => {
    const found = await world.get(world.deployment(name));
    expect(hashOn(found)).toBe(hashFor(value));
    return found;
  });
}

async function writes(): Promise<number> {
  const verbs = ["POST", "PATCH", "PUT", "DELETE"];
  const counts = await Promise.all(verbs.map(verb => atc.metric("atc_api_requests_total", { verb })));
  return counts.reduce((sum, count) => sum + count, 0);
}

describe("an Airway", () => {
  it("becomes a CRD with conditions, the controller's record and columns", async () => {
    const crd = await world.get(world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `echos.${group}`, ""));
    const { versions } = crd["spec"] as { versions: Record<string, unknown>[] };
    expect(versions[0]).toMatchObject({
      schema: { openAPIV3Schema: { properties: { status: { properties: { conditions: {}, atc: {} } } } } },
      subresources: { status: {} },
    });
    const columns = versions[0]?.["additionalPrinterColumns"] as { name: string }[];
    expect(columns.map(({ name }) => name)).toEqual(["Ready", "Reason", "Age", "Message"]);
    const airway = await world.get(world.airwayRef(`echos.${group}`));
    expect(airway.metadata.finalizers).toEqual(["yoke.cd/strip.airway"]);
    expect(crd.metadata.ownerReferences).toMatchObject([{ kind: "Airway", uid: airway.metadata.uid }]);
  });

  it("takes its CRD and instances along when it is deleted", async () => {
    const airway = await world.airway({ kind: "Brief", flight: echo });
    await world.instance("Brief", "short", { stages: [configMap("short")] });
    await world.delete(world.airwayRef(airway));
    await world.gone(world.airwayRef(airway));
    await world.gone(world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", airway, ""));
    await world.gone(world.configMap("short"));
  });

  it("makes its CRD anew that somebody deleted while the controller was away, once the instances are gone", async () => {
    const airway = await world.airway({ kind: "Torn", flight: echo });
    await world.instance("Torn", "torn", { stages: [configMap("torn")] });
    const crd = world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", airway, "");
    const { metadata } = await world.get(crd);
    await atc.kill("SIGTERM");
    await world.delete(crd);
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await world.gone(world.configMap("torn"));
    await eventually("another CRD", async () => expect((await world.get(crd)).metadata.uid).not.toBe(metadata.uid));
  });
});

describe("an instance", () => {
  it("gets its children, marked and owned as the contract says", async () => {
    const instance = await world.instance("Echo", "marked", { stages: [configMap("marked", { a: "b" })] });
    const { metadata, data } = await world.get(world.configMap("marked"));
    expect(data).toEqual({ a: "b" });
    expect(metadata.labels).toEqual({ "app.kubernetes.io/managed-by": "atc.yoke" });
    expect(metadata.annotations).toEqual({
      "instance.atc.yoke.cd/release": `${group}.Echo.${namespace}.marked`,
      "instance.atc.yoke.cd/namespace": namespace,
      "instance.atc.yoke.cd/instanceRef": `${namespace}/Echo.${group}:marked`,
    });
    const { uid } = instance.metadata;
    expect(metadata.ownerReferences).toEqual([{ apiVersion: `${group}/v1`, kind: "Echo", name: "marked", uid }]);
    expect(metadata.managedFields?.map(({ manager, operation }) => [manager, operation])).toEqual([["yoke", "Apply"]]);
    expect(instance.metadata.finalizers).toEqual(["yoke.cd/mayday.flight"]);
    expect(instance.metadata.ownerReferences).toMatchObject([{ kind: "Airway", name: `echos.${group}` }]);
    expect(conditionOf(instance)).toMatchObject({ reason: "Ready", message: "1 object is ready" });
  });

  it("leaves nothing behind when it is deleted", async () => {
    await world.instance("Echo", "gone", { stages: [[configMap("gone-1")], [configMap("gone-2")]] });
    await world.delete(world.instanceRef("Echo", "gone"));
    await world.gone(world.instanceRef("Echo", "gone"));
    await world.gone(world.configMap("gone-1"));
    await world.gone(world.configMap("gone-2"));
  });

  it("loses what is no longer rendered, in whichever stage it was", async () => {
    await world.instance("Echo", "shrinking", { stages: [[configMap("s-1"), configMap("s-2")], [configMap("s-3")]] });
    await world.instance("Echo", "shrinking", { stages: [[configMap("s-3")]] });
    await world.gone(world.configMap("s-1"));
    await world.gone(world.configMap("s-2"));
    expect((await world.get(world.configMap("s-3"))).metadata.deletionTimestamp).toBeUndefined();
    await world.instance("Echo", "shrinking", { stages: [] });
    await world.gone(world.configMap("s-3"));
  });

  it("keeps an object that is rendered in another version of its API", async () => {
    const scaler = (version: string): KubeObject => ({
      apiVersion: `autoscaling/${version}`,
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "scaler" },
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "none" } },
    });
    await world.instance("Echo", "versions", { stages: [scaler("v1")] });
    const ref = world.ref("autoscaling/v2", "HorizontalPodAutoscaler", "scaler");
    const { uid } = (await world.get(ref)).metadata;
    await world.instance("Echo", "versions", { stages: [scaler("v2")] });
    expect((await world.get(ref)).metadata).toMatchObject({ uid });
    expect((await world.get(ref)).metadata.deletionTimestamp).toBeUndefined();
  });

  it("may render a kind and an object of it", async () => {
    const names = { kind: "Widget", plural: "widgets" };
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `widgets.${group}` },
      spec: { group, names, scope: "Namespaced", versions },
    };
    const widget = { apiVersion: `${group}/v1`, kind: "Widget", metadata: { name: "widget" }, spec: { size: 1 } };
    const airway = `pruners.${group}`;
    await world.airway({ kind: "Pruner", flight: echo, spec: { prune: { crds: true } } });
    await world.instance("Pruner", "kinds", { stages: [crd, widget] });
    await eventually("the object is there", () => world.get(world.ref(`${group}/v1`, "Widget", "widget")));
    expect(await atc.metric("atc_renders_total", { airway, result: "failed" })).toBe(0);
    await world.applyInstance("Pruner", "kinds", { stages: [] });
    await world.letGo(world.ref(`${group}/v1`, "Widget", "widget"));
    await world.gone(world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `widgets.${group}`, ""));
  });

  it("begins a stage when the one before is ready", async () => {
    const stages = (schedulable: boolean) => [[deployment("first", { schedulable })], [configMap("second")]];
    await world.applyInstance("Echo", "staged", { stages: stages(false) });
    await world.condition(world.instanceRef("Echo", "staged"), ({ message }) => message.startsWith("stage 1 of 2"));
    expect(await world.client.get(world.configMap("second"))).toBeUndefined();
    await world.instance("Echo", "staged", { stages: stages(true) });
    await world.get(world.configMap("second"));
  });
});

describe("a changed Secret", () => {
  it("rolls the Deployment once, says why, and shows its value nowhere", async () => {
    const [first, second] = ["correct-horse-1", "correct-horse-2"];
    await world.secret("rolling", first);
    await world.instance("Backend", "rolling");
    // Events follow when they can; that of the beginning is not the roll's.
    await eventually("the beginning is told", async () => expect(await world.events("rolling")).not.toEqual([]));
    await atc.kept();
    const before = await world.get(world.deployment("rolling"));
    const count = await writes();
    const { resourceVersion } = (await world.secret("rolling", second)).metadata;
    const after = await rolledTo("rolling", second);
    const note = await eventually("an Event tells the cause", async () => {
      const found = (await world.events("rolling")).find(event =>
        event.includes(`(resourceVersion ${resourceVersion})`),
      );
      if (found === undefined) throw new Error(JSON.stringify(await world.events("rolling")));
      return found;
    });
    expect(note).toContain(`Applied: Secret ${namespace}/rolling updated`);
    expect(note).toContain(`Deployment ${namespace}/rolling spec.template.metadata.annotations["e2e/hash"]`);
    const instance = await eventually("the rollout is complete", async () => {
      const found = await world.ready(world.instanceRef("Backend", "rolling"));
      expect(JSON.stringify(found["status"])).toContain(`resourceVersion ${resourceVersion}`);
      return found;
    });
    await atc.kept();
    expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 1);
    expect((await world.get(world.deployment("rolling"))).metadata.generation).toBe(after.metadata.generation);
    // The Deployment, the status when it rolls and when it is rolled out, the Event; behind them the revision, and the
    // status once more where the Deployment was rolled out before. (What is read then is about the kinds of the CRD, which
    // is some seconds old.)
    expect((await writes()) - count).toBeLessThanOrEqual(6);
    const told = [
      JSON.stringify(instance),
      atc.logs(),
      (await atc.page("/metrics")).body,
      ...(await world.events("rolling")),
    ];
    for (const value of [first, second, base64(first), base64(second)]) expect(told.join("\n")).not.toContain(value);
  });

  it("costs no write where the render is the same", async () => {
    await world.secret("same", "value");
    await world.instance("Backend", "same");
    await eventually("the beginning is told", async () => expect(await world.events("same")).not.toEqual([]));
    await atc.kept();
    const count = await writes();
    const rendered = () => atc.metric("atc_renders_total", { airway: `backends.${group}`, result: "rendered" });
    const renders = await rendered();
    await world.merge(world.ref("v1", "Secret", "same"), { metadata: { annotations: { seen: "yes" } } });
    await eventually("the change is rendered", async () => expect(await rendered()).toBe(renders + 1));
    await atc.idle();
    expect(await writes()).toBe(count);
  });

  it("rolls all who look it up", async () => {
    await world.secret("shared", "one");
    await world.instance("Backend", "left", { secret: "shared" });
    await world.instance("Backend", "right", { secret: "shared" });
    await world.secret("shared", "two");
    await rolledTo("left", "two");
    await rolledTo("right", "two");
  });

  it("rolls also when it appears only later, and when it goes", async () => {
    await world.instance("Backend", "late");
    await world.secret("late", "here");
    await rolledTo("late", "here");
    await world.delete(world.ref("v1", "Secret", "late"));
    await eventually("the Deployment has no hash of the Secret", async () =>
      expect(hashOn(await world.get(world.deployment("late")))).toBe(hashOf({})),
    );
  });

  it("is never overwritten with an older state by a flight that passes it on", async () => {
    await world.secret("passed", "start");
    await world.instance("Backend", "passed", { emitSecret: true, slow: 300_000 });
    const lost: string[] = [];
    for (let round = 1; round <= 200; round++) {
      const value = `round-${round}`;
      await world.secret("passed", value);
      const { data } = await world.get(world.ref("v1", "Secret", "passed"));
      if ((data as { hello: string }).hello !== base64(value)) lost.push(value);
    }
    expect(lost).toEqual([]);
    await rolledTo("passed", "round-200");
    await atc.idle();
    expect(await world.get(world.ref("v1", "Secret", "passed"))).toMatchObject({
      data: { hello: base64("round-200") },
    });
  });
});

describe("a child", () => {
  it("comes back when it is deleted, with its fields when it is edited, and keeps what others added", async () => {
    await world.instance("Echo", "healing", { stages: [configMap("healed", { ours: "1" })] });
    await world.merge(world.configMap("healed"), { metadata: { labels: { theirs: "yes" } }, data: { added: "2" } });
    await world.merge(world.configMap("healed"), { data: { ours: "edited" } });
    await eventually("the edit is undone", async () =>
      expect(await world.get(world.configMap("healed"))).toMatchObject({
        metadata: { labels: { theirs: "yes" } },
        data: { ours: "1", added: "2" },
      }),
    );
    const { uid } = (await world.get(world.configMap("healed"))).metadata;
    await world.delete(world.configMap("healed"));
    await eventually("it is made again", async () =>
      expect((await world.get(world.configMap("healed"))).metadata.uid).not.toBe(uid),
    );
  });

  it("comes back when its finalizer lets it go", async () => {
    await world.instance("Echo", "holding", { stages: [configMap("held")] });
    await world.merge(world.configMap("held"), { metadata: { finalizers: ["example.com/hold"] } });
    await world.delete(world.configMap("held"));
    await world.condition(world.instanceRef("Echo", "holding"), ({ message }) => message.includes("to be gone"));
    await world.merge(world.configMap("held"), { metadata: { finalizers: null } });
    await world.ready(world.instanceRef("Echo", "holding"));
    expect((await world.get(world.configMap("held"))).metadata.deletionTimestamp).toBeUndefined();
  });

  it("is set back when an edit of the spec is taken back while another stage waits", async () => {
    const stages = (value: string, schedulable: boolean) => [
      [configMap("back-1", { value })],
      [deployment("back-2", { schedulable })],
      [configMap("back-3")],
    ];
    await world.instance("Echo", "back", { stages: stages("a", true) });
    await world.applyInstance("Echo", "back", { stages: stages("b", false) });
    await world.condition(world.instanceRef("Echo", "back"), ({ message }) => message.startsWith("stage 2 of 3"));
    await world.instance("Echo", "back", { stages: stages("a", true) });
    expect(await world.get(world.configMap("back-1"))).toMatchObject({ data: { value: "a" } });
  });

  it("of nobody is adopted, and keeps the fields of its maker", async () => {
    await world.apply({ ...configMap("orphan", { theirs: "1" }), metadata: { name: "orphan", namespace } });
    await world.instance("Echo", "adopting", { stages: [configMap("orphan", { ours: "2" })] });
    expect(await world.get(world.configMap("orphan"))).toMatchObject({
      metadata: { labels: { "app.kubernetes.io/managed-by": "atc.yoke" } },
      data: { theirs: "1", ours: "2" },
    });
  });

  it("of another release is refused, and taken when it is free", async () => {
    await world.instance("Echo", "owner", { stages: [configMap("contested", { of: "owner" })] });
    await world.applyInstance("Echo", "rival", {
      stages: [[configMap("contested", { of: "rival" }), configMap("own")]],
    });
    const rival = world.instanceRef("Echo", "rival");
    const refused = await world.condition(rival, ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toBe(
      `${namespace}/ConfigMap:contested: expected release "${namespace}/${group}.Echo.${namespace}.rival" but resource is ` +
        `already owned by "${namespace}/${group}.Echo.${namespace}.owner" (RELEASE_OWNED_BY_OTHER)`,
    );
    expect(await world.client.get(world.configMap("own"))).toBeUndefined();
    expect(await world.get(world.configMap("contested"))).toMatchObject({ data: { of: "owner" } });
    await world.delete(world.instanceRef("Echo", "owner"));
    await world.ready(rival);
    expect(await world.get(world.configMap("contested"))).toMatchObject({ data: { of: "rival" } });
  });
});

describe("a lookup", () => {
  it("outside of the release needs a matcher, and is answered when one is there", async () => {
    await world.secret("guarded", "value");
    const airway = await world.airway({ kind: "Guarded", flight: backend, spec: { resourceAccessMatchers: [] } });
    await world.applyInstance("Guarded", "guarded");
    const denied = await world.condition(world.instanceRef("Guarded", "guarded"), ({ reason }) => reason === "Error");
    expect(conditionOf(denied)?.message).toContain(
      "forbidden: cannot access resource outside of target release ownership",
    );
    await world.merge(world.airwayRef(airway), { spec: { resourceAccessMatchers: [`${namespace}/Secret:guarded`] } });
    await world.ready(world.instanceRef("Guarded", "guarded"));
    await world.merge(world.airwayRef(airway), { spec: { clusterAccess: false } });
    const refused = await world.condition(world.instanceRef("Guarded", "guarded"), ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toContain("access to the cluster has not been granted");
  });
});

describe("standard mode", () => {
  it("does not react to its children, but heals them when the drift interval has passed", async () => {
    const airway = await world.airway({ kind: "Calm", flight: echo, spec: { mode: "standard" } });
    await world.instance("Calm", "calm", { stages: [configMap("calm", { a: "1" })] });
    await atc.idle();
    const rendered = () => atc.metric("atc_renders_total", { airway, result: "rendered" });
    const renders = await rendered();
    await world.delete(world.configMap("calm"));
    await world.condition(world.instanceRef("Calm", "calm"), ({ message }) => message.includes("waiting for"));
    await atc.idle();
    expect(await rendered()).toBe(renders);
    expect(await world.client.get(world.configMap("calm"))).toBeUndefined();
    await world.merge(world.airwayRef(airway), { spec: { fixDriftInterval: "300ms" } });
    await eventually("it is made again", () => world.get(world.configMap("calm")));
    await world.merge(world.configMap("calm"), { data: { a: "edited" } });
    await eventually("it is set back", async () =>
      expect(await world.get(world.configMap("calm"))).toMatchObject({ data: { a: "1" } }),
    );
  });
});

describe("a changed flight", () => {
  const version = (text: string) =>
    echo.replace("JSON.parse(stdin).spec.stages", `[${JSON.stringify(configMap("v", { text }))}]`);
  const shows = (text: string) =>
    eventually(`the flight ${text} has rendered`, async () =>
      expect(await world.get(world.configMap("v"))).toMatchObject({ data: { text } }),
    );

  it("renders all instances again, from a new address and from the same one", async () => {
    const airway = await world.airway({ kind: "Versioned", flight: version("one") });
    await world.instance("Versioned", "versioned");
    await shows("one");
    await world.merge(world.airwayRef(airway), {
      spec: { wasmUrls: await world.publish("flight-two", version("two")) },
    });
    await shows("two");
    await world.merge(world.airwayRef(airway), {
      spec: { wasmUrls: await world.publish("flight-two", version("three")) },
    });
    await shows("three");
    await eventually("an Event tells the cause", async () => {
      const stories = await world.events("versioned");
      expect(stories.some(story => story.includes(`Airway versioneds.${group} flight changed`))).toBe(true);
    });
  });

  it("with another checksum is told, and the former one goes on", async () => {
    const airway = `versioneds.${group}`;
    await world.publish("flight-two", version("four"));
    const told = await world.condition(world.airwayRef(airway), ({ reason }) => reason === "Error");
    expect(conditionOf(told)?.message).toContain("cannot verify module against expected checksum: wanted");
    expect(conditionOf(told)?.message).toContain("instances are still rendered by flight sha256:");
    await world.delete(world.configMap("v"));
    await shows("three");
    await world.publish("flight-two", version("three"));
    await world.ready(world.airwayRef(airway));
  });
});
