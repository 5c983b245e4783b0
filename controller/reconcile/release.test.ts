import { describe, expect, it } from "vitest";
import type { AirwaySpec } from "../airway/spec.ts";
import { DependencyIndex } from "../dynamic/dependencyIndex.ts";
import { Tracker } from "../dynamic/tracker.ts";
import { flightModuleOf } from "../flight/loader.ts";
import { answerError } from "../kube/errors.ts";
import { type KubeObject, type ObjectRef, refOf } from "../kube/object.ts";
import type { ReflectorHandler } from "../kube/reflector.ts";
import { noPages, tellList } from "../kube/testing/tellList.ts";
import { createMetrics } from "../observe/metrics.ts";
import { factsOf, type ObjectFacts } from "../release/facts.ts";
import { type ActiveAirway, airwayReference } from "./activeAirway.ts";
import { type Cause, CauseBook } from "./causes.ts";
import { type Access, type Context, forgetDependencies } from "./context.ts";
import { instanceOwner } from "./instance.ts";
import { releaseFinalizer } from "./owner.ts";
import { OwnerStore } from "./ownerStore.ts";
import { paceLimits } from "./pace.ts";
import { reconcileRelease } from "./release.ts";
import { beginRelease, followRelease, restoreRelease } from "./restore.ts";

const airwayUid = "airway-1";
const spec = {
  flightUrl: "configmap://ns/flight/flight.js",
  mode: "dynamic",
  clusterAccess: true,
  resourceAccessMatchers: [],
  objectPath: [],
  scope: "Namespaced",
  prune: { crds: false, namespaces: false },
} as unknown as AirwaySpec;
const type = { group: "x", version: "v1", apiVersion: "x/v1", kind: "Thing", plural: "things", namespaced: true };
const configMaps = {
  ...type,
  group: "",
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
};
const key = "instance|things.x|ns|a";

function instance(uid: string, resourceVersion: string, more: Partial<KubeObject["metadata"]> = {}): KubeObject {
  const ownerReferences = [{ apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name: "things.x", uid: airwayUid }];
  const finalizers = [releaseFinalizer];
  const metadata = { name: "a", namespace: "ns", uid, resourceVersion, ownerReferences, finalizers, ...more };
  return { apiVersion: "x/v1", kind: "Thing", metadata, spec: {} };
}

/** One Airway with one instance, whose flight, watches and API server the test plays. */
function setUp(
  options: {
    stdout?: string;
    deleting?: () => never;
    resolve?: () => Promise<unknown>;
    statusFails?: () => boolean;
    pressed?: () => boolean;
    fails?: () => boolean;
    childFails?: () => never;
  } = {},
) {
  const statuses: KubeObject[] = [];
  const now = 0;
  const notes: string[] = [];
  const applied: string[] = [];
  let during: () => void = () => undefined;
  let watch: ReflectorHandler | undefined;
  const index = new DependencyIndex();
  const tracker = new Tracker<ObjectFacts>({
    openReflector: ({ name = "", handler }) =>
      ({ start: () => tellList(handler, [configMap(name)], "10"), stop: async () => undefined }) as never,
    get: async () => undefined,
    pages: noPages,
    needsWhole: () => true,
    describe: factsOf,
    changed: () => undefined,
  });
  const client = {
    discovery: { resolve: options.resolve ?? (async () => configMaps), invalidate: () => undefined },
    async apply(body: KubeObject, { subresource }: { subresource?: string }) {
      applied.push(subresource ?? body.kind);
      if (subresource === "status" && options.statusFails?.()) {
        throw answerError({ method: "PATCH", path: "/status" }, { status: 503, body: "" });
      }
      if (subresource === "status") statuses.push(body);
      if (subresource === undefined) options.childFails?.();
      const live = subresource === "status" ? { ...instances.get(key), status: body["status"] } : {};
      const object = { ...body, ...live };
      return { object: { ...object, metadata: { ...object.metadata, resourceVersion: "900" } }, created: false };
    },
    async create(body: KubeObject) {
      applied.push(body.kind);
      return body;
    },
    list: async () => ({ items: [], resourceVersion: "1" }),
    get: async () => undefined,
    delete: async () => options.deleting?.() ?? "deleted",
    patch: async (_: ObjectRef, patch: { metadata: object }) => ({
      ...instance("u1", "901"),
      ...{ metadata: { ...instance("u1", "901").metadata, ...patch.metadata } },
    }),
  };
  const instances = new OwnerStore({
    type,
    keyOf: () => key,
    openReflector: handler => {
      watch = handler;
      return {} as never;
    },
    changed: () => undefined,
  });
  const flight = flightModuleOf(Buffer.from("export default () => '[]'"));
  const reference = airwayReference("things.x", airwayUid);
  const active: ActiveAirway = {
    name: "things.x",
    reference,
    instances,
    serviceAccountName: undefined,
    serving: { spec, flight, converter: undefined },
  };
  const rights = { require: async () => undefined, forget: () => undefined };
  const own = { client, tracker, index, rights } as unknown as Access;
  const accesses = { of: () => own, settle: () => undefined, forget: (key: string) => forgetDependencies(own, key) };
  const context = {
    ...own,
    accesses,
    ...{ metrics: createMetrics(), causes: new CauseBook(), airways: new Map() },
    ...{ states: new Map(), now: () => now, paceLimits: paceLimits(3), spinning: new Set() },
    keyring: { key: async () => Buffer.from("key") },
    unwritten: new Set(),
    untold: new Map(),
    queue: { failures: () => 0, resume: () => undefined, pressed: options.pressed ?? (() => false) },
    sandbox: {
      run: async () => {
        during();
        return {
          exitCode: options.fails?.() ? 1 : 0,
          stdout: options.stdout ?? "[]",
          stderr: "",
          milliseconds: 1,
          waitedMilliseconds: 0,
        };
      },
    },
    events: { record: (_: KubeObject, { note }: { note: string }) => notes.push(note) },
    log: { info: () => undefined },
  } as unknown as Context;
  if (watch === undefined) throw new Error("the instances are not watched");
  return {
    ...{ context, statuses, notes, applied, watch },
    owner: instanceOwner(context, active, { namespace: "ns", name: "a" }),
    whileTheFlightRuns: (action: () => void) => {
      during = action;
    },
  };
}

function configMap(name: string): KubeObject {
  const annotations = { "instance.atc.yoke.cd/release": "x.Thing.ns.a", "instance.atc.yoke.cd/namespace": "ns" };
  const metadata = { name, namespace: "ns", uid: name, resourceVersion: "5", annotations };
  return { apiVersion: "v1", kind: "ConfigMap", metadata };
}

const inventory = [{ apiVersion: "v1", kind: "ConfigMap", namespace: "ns", name: "c", stage: 0 }];

describe("reconcileRelease", () => {
  it("says nothing of an instance that took the name of the one it works on", async () => {
    const child = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
    const { context, owner, statuses, watch, whileTheFlightRuns } = setUp({ stdout: JSON.stringify([child]) });
    watch.upsert(instance("u1", "10"));
    whileTheFlightRuns(() => {
      watch.delete(instance("u1", "11"));
      watch.upsert(instance("u2", "12"));
    });
    await reconcileRelease(context, owner);
    expect(statuses).toEqual([]);
  });

  it("makes nothing before the record of it is written, however often that fails", async () => {
    const child = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
    let failures = 1;
    const statusFails = () => failures-- > 0;
    const { context, owner, applied, watch } = setUp({ stdout: JSON.stringify([child]), statusFails });
    watch.upsert(instance("u1", "10"));
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
    await reconcileRelease(context, owner);
    expect(applied.slice(0, 3)).toEqual(["status", "status", "ConfigMap"]);
  });

  it("lets rolls of others go before the status of one, but for who edited its owner", async () => {
    const { context, owner, statuses, watch } = setUp({ pressed: () => true });
    const cause = { change: "updated", resourceVersion: "9", at: 0 } as const;
    watch.upsert(instance("u1", "10"));
    context.causes.add(key, { ...cause, object: { apiVersion: "v1", kind: "Secret", namespace: "ns", name: "s" } });
    expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 1 });
    expect(statuses).toEqual([]);
    await reconcileRelease(context, owner);
    expect(statuses).toMatchObject([{ status: { conditions: [{ type: "Ready", status: "True" }] } }]);
    expect(context.untold.size).toBe(0);

    watch.upsert({ ...instance("u1", "902"), spec: { edited: true } });
    context.causes.add(key, { ...cause, object: refOf(instance("u1", "902")) });
    await reconcileRelease(context, owner);
    expect(context.untold.size).toBe(0);
  });

  describe("with the breaker open", () => {
    const pace = { tokens: 0, at: 0, pauseMs: 4_000 };
    const edited = { ...instance("u1", "902"), spec: { edited: true } };
    const last = (statuses: KubeObject[]) => statuses.at(-1);

    it("does not call an edit ready that waits", async () => {
      const { context, owner, statuses, watch } = setUp();
      watch.upsert(instance("u1", "10"));
      await reconcileRelease(context, owner);
      expect(last(statuses)).toMatchObject({ status: { conditions: [{ type: "Ready", status: "True" }] } });
      Object.assign((await context.states.get(key)) ?? {}, { pace });
      watch.upsert(edited);
      expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 1_000 });
      expect(last(statuses)).toMatchObject({
        status: { conditions: [{ type: "Ready", status: "False", reason: "InProgress" }, { type: "Paced" }] },
      });
    });

    it("waits as long as it should after a failure, which it goes on telling", async () => {
      const { context, owner, statuses, watch } = setUp({ fails: () => true });
      watch.upsert(instance("u1", "10"));
      await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "FLIGHT_EXIT" });
      Object.assign((await context.states.get(key)) ?? {}, { pace });
      expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 4_000 });
      expect(last(statuses)).toMatchObject({
        status: { conditions: [{ type: "Ready", status: "False", reason: "Error" }, { type: "Paced" }] },
      });
      watch.upsert(edited);
      expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 1_000 });
    });
  });

  it("records no inputs that the children may not follow any more", async () => {
    const childFails = () => {
      throw answerError({ method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/c" }, { status: 422, body: "" });
    };
    const child = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
    const { context, owner, statuses, watch } = setUp({ stdout: JSON.stringify([child]), childFails });
    watch.upsert({ ...instance("u1", "10"), status: { atc: { inputs: "a.b.c", inventory } } });
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "KUBE_INVALID" });
    expect(statuses).toMatchObject([{ status: { conditions: [{ reason: "Error" }], atc: { inputs: "", inventory } } }]);
  });

  it("goes on to miss a revision that an earlier process could not keep, when its render fails", async () => {
    const { context, owner, statuses, watch } = setUp({ fails: () => true });
    const revision = { name: "yoke.000000000001", pending: true };
    watch.upsert({ ...instance("u1", "10"), status: { atc: { flight: "sha256:a", inputs: "a.b.c", revision } } });
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "FLIGHT_EXIT" });
    expect(statuses).toMatchObject([{ status: { atc: { inputs: "" } } }]);
  });

  it("keeps the state before a failure, for no run that succeeds may follow", async () => {
    let failing = false;
    const { context, owner, statuses, applied, watch } = setUp({ fails: () => failing });
    watch.upsert(instance("u1", "10"));
    await reconcileRelease(context, owner);
    failing = true;
    watch.upsert({ ...instance("u1", "902"), spec: { edited: true } });
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "FLIGHT_EXIT" });
    expect(applied).not.toContain("Secret");
    Object.assign(context, { now: () => 1_000 });
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "FLIGHT_EXIT" });
    expect(applied.filter(kind => kind === "Secret")).toHaveLength(1);
    expect(context.unwritten.size).toBe(0);
    expect(statuses.at(-1)).toMatchObject({ status: { conditions: [{ status: "False", reason: "Error" }] } });
    expect(statuses.at(-1)).not.toMatchObject({ status: { atc: { revision: { pending: true } } } });
  });

  it("watches what it has removed for a minute, and no longer", async () => {
    const { context, owner, watch } = setUp();
    watch.upsert({ ...instance("u1", "10"), status: { atc: { inventory } } });
    expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 1_000 });
    expect(context.index.dependencies(key)).toEqual([{ object: "v1|ConfigMap|ns|c", lookup: false, child: true }]);
    Object.assign(context, { now: () => 1_000 });
    expect(await reconcileRelease(context, owner)).toEqual({ requeueAfterMs: 59_000 });
    Object.assign(context, { now: () => 60_000 });
    expect(await reconcileRelease(context, owner)).toEqual({});
    expect(context.index.size).toEqual({ instances: 0, objects: 0 });
    expect(context.tracker.size).toBe(0);
    const { values } = await context.metrics.renders.get();
    expect(values.map(({ labels: { result }, value }) => `${result} ${value}`)).toEqual(["rendered 1", "skipped 2"]);
  });

  it("keeps nothing of an instance in whose place there is another one", async () => {
    const { context, owner, watch } = setUp();
    watch.upsert(instance("u1", "10"));
    await reconcileRelease(context, owner);
    expect(context.unwritten.size).toBe(1);
    await beginRelease(context, owner, instance("u2", "950"));
    expect(context.unwritten.size).toBe(0);
  });

  it("remembers no failures of a state that is not wanted any more", async () => {
    const { context, owner, statuses, watch } = setUp();
    watch.upsert(instance("u1", "10"));
    await reconcileRelease(context, owner);
    const state = await context.states.get(key);
    if (state !== undefined) state.record = { ...state.record, failures: 5 };
    await reconcileRelease(context, owner);
    expect(state?.record.failures).toBe(0);
    expect(statuses).toHaveLength(1);
  });

  it.each([
    { apiVersion: "yoke.cd/v1alpha1", kind: "Airway" },
    { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  ])("refuses to render $kind that it comes from", async of => {
    const stdout = JSON.stringify([{ ...of, metadata: { name: "things.x" } }]);
    const { context, owner, applied, watch } = setUp({ stdout });
    watch.upsert(instance("u1", "10"));
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "RELEASE_OWN_DEFINITION" });
    expect(applied).toEqual(["status"]);
  });

  it("says why a deletion does not go on", async () => {
    const deleting = () => {
      throw answerError({ method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/c" }, { status: 403, body: "" });
    };
    const { context, owner, statuses, notes, watch } = setUp({ deleting });
    watch.upsert({
      ...instance("u1", "10", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      status: { atc: { inventory } },
    });
    await expect(reconcileRelease(context, owner)).rejects.toMatchObject({ code: "KUBE_FORBIDDEN" });
    expect(statuses).toMatchObject([
      { status: { conditions: [{ status: "False", reason: "Terminating" }], atc: { inventory } } },
    ]);
    expect(JSON.stringify(statuses)).toContain("KUBE_FORBIDDEN");
    expect(notes).toHaveLength(1);
  });

  it("follows what another replica recorded, and what it depends on from then on", async () => {
    const { context, owner, watch } = setUp({ resolve: async () => configMaps });
    const recorded = (version: string, names: string[]) => ({
      ...instance("u1", version),
      status: { atc: { inventory: names.map(name => ({ ...inventory[0], name })) } },
    });
    const children = async () => (await context.states.get(key))?.record.inventory.map(({ name }) => name);
    watch.upsert(recorded("10", ["a", "b"]));
    void restoreRelease(context, owner, recorded("10", ["a", "b"]));
    context.causes.add(key, {} as Cause);
    followRelease(context, owner);
    expect(await children()).toEqual(["a", "b"]);
    expect(context.causes.take(key)).toHaveLength(1);

    context.causes.add(key, {} as Cause);
    watch.upsert(recorded("11", ["b", "c"]));
    followRelease(context, owner);
    expect(await children()).toEqual(["b", "c"]);
    expect(context.index.dependencies(key).map(({ object }) => object)).toEqual([
      "v1|ConfigMap|ns|b",
      "v1|ConfigMap|ns|c",
    ]);
    expect(context.tracker.size).toBe(2);
    expect(context.causes.take(key)).toEqual([]);
  });

  it("forgets an instance that is gone, also what its restoration adds only afterwards", async () => {
    const gate = Promise.withResolvers<typeof configMaps>();
    const { context, owner, watch } = setUp({ resolve: () => gate.promise });
    const recorded = { ...instance("u1", "10"), status: { atc: { inventory } } };
    watch.upsert(recorded);
    void restoreRelease(context, owner, recorded);
    context.causes.add(key, {} as Cause);
    watch.delete(instance("u1", "11"));
    const forgotten = reconcileRelease(context, owner);
    gate.resolve(configMaps);
    await forgotten;
    expect(context.index.size).toEqual({ instances: 0, objects: 0 });
    expect(context.tracker.size).toBe(0);
    expect(context.states.size).toBe(0);
    expect(context.causes.take(key)).toEqual([]);
  });
});
