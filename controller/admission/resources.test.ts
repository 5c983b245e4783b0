import { describe, expect, it } from "vitest";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { changesOurFields, ownsField } from "./ownership.ts";
import { type ResourceFacts, reviewResource } from "./resources.ts";
import type { AdmissionRequest, Verdict } from "./review.ts";

const ref = "default/Backend.examples.com:test";
const marks = {
  "instance.atc.yoke.cd/release": "examples.com.Backend.default.test",
  "instance.atc.yoke.cd/namespace": "default",
  "instance.atc.yoke.cd/instanceRef": ref,
};

interface Change {
  readonly fields?: Record<string, unknown>;
  readonly time?: string;
  readonly metadata?: Record<string, unknown>;
  readonly rest?: Record<string, unknown>;
}

const ourFields = {
  "f:metadata": { "f:labels": { "f:app": {} } },
  "f:spec": {
    "f:replicas": {},
    "f:template": { "f:spec": { "f:containers": { 'k:{"name":"main"}': { "f:image": {} } } } },
  },
};

/** A Deployment of the release, with the fields that our apply owns. */
function deployment({ fields = ourFields, time = "t1", metadata = {}, rest = {} }: Change = {}): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "test",
      namespace: "default",
      labels: { "app.kubernetes.io/managed-by": "atc.yoke" },
      annotations: marks,
      ownerReferences: [{ apiVersion: "examples.com/v1", kind: "Backend", name: "test", uid: "cr" }],
      managedFields: [
        { manager: "yoke", operation: "Apply", fieldsV1: fields, time },
        { manager: "kube-controller-manager", operation: "Update", subresource: "status", fieldsV1: {} },
      ],
      ...metadata,
    },
    ...rest,
  };
}

/** As after somebody else has set the replicas: the API server takes them out of our set. */
const withoutReplicas = { ...ourFields, "f:spec": { "f:template": ourFields["f:spec"]["f:template"] } };

const inventory = [{ apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "test", stage: 0 }];

function backend(change: { metadata?: Record<string, unknown>; inventory?: unknown } = {}): KubeObject {
  return {
    apiVersion: "examples.com/v1",
    kind: "Backend",
    metadata: { name: "test", namespace: "default", uid: "cr", ...change.metadata },
    status: { atc: { inventory: change.inventory ?? inventory } },
  };
}

interface World {
  readonly instance?: KubeObject | undefined;
  readonly mode?: "static" | "dynamic";
  readonly namespace?: Record<string, unknown>;
  readonly parent?: KubeObject;
}

function facts(world: World): ResourceFacts {
  const { instance = backend(), mode = "static", namespace = {}, parent = deployment() } = world;
  return {
    isOwn: ({ userInfo }) => userInfo.username === "atc",
    airwayOf: kind => (kind === "Backend.examples.com" ? { apiVersion: "examples.com/v1", mode } : undefined),
    get: async ({ kind }: ObjectRef) => {
      if (kind === "Namespace") return { apiVersion: "v1", kind, metadata: { name: "default", ...namespace } };
      return "instance" in world && world.instance === undefined ? undefined : instance;
    },
    getParent: async () => parent,
    replicasPath: async () => ["spec", "replicas"],
  };
}

function ask(request: Partial<AdmissionRequest>, world: World = {}): Promise<Verdict> {
  const resource = { group: "apps", version: "v1", resource: "deployments" };
  const base = { uid: "u", namespace: "default", name: "test", subResource: "", dryRun: false, resource };
  const full: AdmissionRequest = {
    ...base,
    operation: "UPDATE",
    userInfo: { username: "jane" },
    object: undefined,
    oldObject: deployment(),
    ...request,
  };
  return reviewResource(facts(world), full, new AbortController().signal);
}

const cannotModify = { allowed: false, reason: "BadRequest", message: "cannot modify flight sub-resources" };
const cannotDelete = {
  allowed: false,
  reason: "BadRequest",
  message: "cannot delete resources managed by Air-Traffic-Controller",
};
const edited = deployment({ fields: withoutReplicas });

describe("an update of what a static release has made", () => {
  it("is refused where it changes what was rendered", async () => {
    expect(await ask({ object: edited })).toEqual(cannotModify);
    // Somebody who says to be us.
    expect(await ask({ object: deployment({ time: "t2" }) })).toEqual(cannotModify);
    // Somebody who wipes the record of who owns what.
    expect(await ask({ object: deployment({ metadata: { managedFields: [] } }) })).toEqual(cannotModify);
  });

  it("is free where it adds, or changes status", async () => {
    expect(await ask({ object: deployment({ metadata: { labels: { more: "x" } } }) })).toEqual({ allowed: true });
    expect(await ask({ object: edited, subResource: "status" })).toEqual({ allowed: true });
    const freed = deployment({ metadata: { annotations: {} } });
    expect(await ask({ object: freed, subResource: "status" })).toMatchObject({ allowed: false });
    const status = (fields: unknown) => deployment({ fields: { ...ourFields, "f:status": fields } });
    expect(await ask({ oldObject: status({ "f:a": {} }), object: status({}) })).toEqual({ allowed: true });
  });

  it("is free for the controller, and for what is being deleted or not its own", async () => {
    expect(await ask({ object: edited, userInfo: { username: "atc" } })).toEqual({ allowed: true });
    const deleting = { metadata: { deletionTimestamp: "now" } };
    expect(await ask({ oldObject: deployment(deleting), object: edited })).toEqual({ allowed: true });
    const free: World[] = [
      { mode: "dynamic" },
      { instance: undefined },
      { instance: backend(deleting) },
      { instance: backend({ metadata: { uid: "another" } }) },
      { instance: backend({ inventory: [] }) },
    ];
    for (const world of free) expect(await ask({ object: edited }, world)).toEqual({ allowed: true });
  });

  it("follows the instance's own mode", async () => {
    const override = (mode: string) => backend({ metadata: { annotations: { "overrides.yoke.cd/mode": mode } } });
    expect(await ask({ object: edited }, { instance: override("dynamic") })).toEqual({ allowed: true });
    expect(await ask({ object: edited }, { mode: "dynamic", instance: override("static") })).toEqual(cannotModify);
    expect(await ask({ object: edited }, { instance: override("nonsense") })).toEqual(cannotModify);
  });
});

describe("the three annotations of ownership", () => {
  it("stay as they are in every mode", async () => {
    for (const name of Object.keys(marks)) {
      const object = deployment({ metadata: { annotations: { ...marks, [name]: "stolen" } } });
      const verdict = await ask({ object }, { mode: "dynamic", instance: undefined });
      expect(verdict).toMatchObject({ allowed: false, reason: "BadRequest" });
      expect(verdict.allowed ? "" : verdict.message).toContain(name);
    }
  });
});

describe("a deletion of what a static release has made", () => {
  const deletion = { operation: "DELETE" } as const;

  it("is refused to users", async () => {
    expect(await ask(deletion)).toEqual(cannotDelete);
  });

  it("is free for Kubernetes' own controllers, by their name or by the end of what they clean up", async () => {
    const userInfo = { username: "system:serviceaccount:kube-system:generic-garbage-collector" };
    expect(await ask({ ...deletion, userInfo })).toEqual({ allowed: true });
    const deleting = { deletionTimestamp: "now" };
    expect(await ask(deletion, { namespace: deleting })).toEqual({ allowed: true });
    expect(await ask(deletion, { instance: backend({ metadata: deleting }) })).toEqual({ allowed: true });
    expect(await ask(deletion, { instance: undefined })).toEqual({ allowed: true });
  });
});

describe("scaling", () => {
  const scale = (replicas: number) => ({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "test", namespace: "default" },
    spec: { replicas },
  });
  const request = { subResource: "scale", oldObject: scale(2), object: scale(5) };

  it("is refused where the release has set the replicas, and free where it has not", async () => {
    expect(await ask(request)).toEqual(cannotModify);
    expect(await ask({ ...request, object: scale(2) })).toEqual({ allowed: true });
    expect(await ask(request, { parent: edited })).toEqual({ allowed: true });
    expect(await ask(request, { mode: "dynamic" })).toEqual({ allowed: true });
  });
});

describe("changesOurFields", () => {
  it("says nothing about an object that nobody has applied for us", () => {
    const foreign = deployment({ metadata: { managedFields: [] } });
    expect(changesOurFields(foreign, deployment({ metadata: { managedFields: [], labels: { a: "b" } } }))).toBe(false);
  });

  it("does not mind the order of the API server's sets", () => {
    const turned = Object.fromEntries(Object.entries(ourFields).reverse());
    expect(changesOurFields(deployment(), deployment({ fields: turned }))).toBe(false);
  });
});

describe("ownsField", () => {
  it("finds a field by its path", () => {
    expect(ownsField(deployment(), ["spec", "replicas"])).toBe(true);
    expect(ownsField(deployment(), ["spec", "paused"])).toBe(false);
    expect(ownsField(deployment(), ["spec", "replicas", "deeper"])).toBe(false);
  });
});
