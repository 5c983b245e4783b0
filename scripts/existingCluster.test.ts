import { describe, expect, it } from "vitest";
import type { KubeObject, ObjectRef, ResourceType } from "../controller/kube/object.ts";
import { letGo, removeRemains } from "./existingCluster.ts";

/** A cluster of these objects, and what was done to them. */
function clusterWith(...objects: object[]) {
  const all = objects as KubeObject[];
  const deleted: string[] = [];
  const patched: Record<string, unknown> = {};
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  const client = {
    get: async ({ kind, name, namespace }: ObjectRef) =>
      all.find(one => one.kind === kind && one.metadata.name === name && (one.metadata.namespace ?? "") === namespace),
    list: async ({ kind }: ResourceType) => ({ items: all.filter(one => one.kind === kind), resourceVersion: "1" }),
    delete: async ({ name }: ObjectRef, options: { uid?: string } = {}) => {
      deleted.push(`${name} ${options.uid}`);
      return "deleted" as const;
    },
    patch: async ({ name }: ObjectRef, patch: unknown) => {
      patched[name] = patch;
      return {} as KubeObject;
    },
    discovery: {
      resolve: async (apiVersion: string, kind: string) =>
        kinds.includes(kind) ? ({ apiVersion, kind } as ResourceType) : undefined,
    },
  };
  return { client, deleted, patched };
}

const airway = {
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  metadata: { name: "backends.examples.com", resourceVersion: "5", finalizers: ["yoke.cd/strip.airway"] },
  spec: { template: { group: "examples.com", names: { kind: "Backend" }, versions: [{ name: "v1", storage: true }] } },
};
const inventoryEntry = (kind: string, name: string) => ({
  apiVersion: "v1",
  kind,
  namespace: "default",
  name,
  stage: 0,
});
const ownedBy = (name: string, ...uids: string[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name,
    namespace: "default",
    uid: `u-${name}`,
    resourceVersion: "9",
    ownerReferences: uids.map(uid => ({ apiVersion: "x", kind: "X", name: "x", uid })),
  },
});
const children = [ownedBy("mine", "u-backend"), ownedBy("shared", "u-backend", "u-x"), ownedBy("theirs", "u-x")];
const backend = {
  apiVersion: "examples.com/v1",
  kind: "Backend",
  metadata: {
    name: "nginx",
    namespace: "default",
    uid: "u-backend",
    resourceVersion: "7",
    finalizers: ["yoke.cd/mayday.flight", "example.com/other"],
  },
  status: {
    atc: {
      revision: { name: "yoke.123456789abc", former: ["yoke.aaaaaaaaaaaa", "yoke.bbbbbbbbbbbb", "yoke.cccccccccccc"] },
      inventory: ["mine", "shared", "theirs", "gone"].map(name => inventoryEntry("ConfigMap", name)),
    },
  },
};
const secret = (name: string, labels: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "default", uid: `u-${name}`, labels },
});
const revision = { "internal.yoke/kind": "revision" };
const deployment = (replicas: number, readyReplicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "atc", namespace: "atc" },
  spec: { replicas },
  status: { readyReplicas },
});

describe("letGo", () => {
  it("leaves all to a controller that runs", async () => {
    const { client, deleted, patched } = clusterWith(airway, backend, deployment(2, 1));
    expect(await letGo(client, "backends.examples.com", 0)).toContain("the controller lets its objects go");
    expect([deleted, patched]).toEqual([[], {}]);
  });

  it.each([
    ["no Deployment", []],
    ["none that may run", [deployment(0, 0)]],
    ["none that becomes ready", [deployment(2, 0)]],
  ])("takes the controller's finalizers, children and revisions, and no others, with %s", async (_, more) => {
    const [active, former, foreign] = ["yoke.123456789abc", "yoke.aaaaaaaaaaaa", "yoke.bbbbbbbbbbbb"] as const;
    const secrets = [secret(active, revision), secret(former, revision), secret(foreign, {})];
    const { client, deleted, patched } = clusterWith(airway, backend, ...children, ...secrets, ...more);
    expect(await letGo(client, "backends.examples.com", 0)).toContain("its instances (1)");
    expect(patched).toEqual({
      "backends.examples.com": { metadata: { resourceVersion: "5", finalizers: [] } },
      nginx: { metadata: { resourceVersion: "7", finalizers: ["example.com/other"] } },
      shared: { metadata: { resourceVersion: "9", ownerReferences: [expect.objectContaining({ uid: "u-x" })] } },
    });
    expect(deleted).toEqual(["mine u-mine", `${active} u-${active}`, `${former} u-${former}`]);
  });

  it("is content where the Airway is gone", async () => {
    expect(await letGo(clusterWith().client, "backends.examples.com", 0)).toContain("there is no Airway");
  });
});

const crd = (plural: string, kind: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.yoke.cd`, uid: `u-${plural}` },
  spec: { names: { kind }, scope: "Cluster" },
});
const webhooks = (name: string, service: object) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name, uid: `u-${name}` },
  webhooks: [{ clientConfig: { service } }],
});

const instanceCrd = (...owners: string[]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: airway.metadata.name,
    uid: "u-crd",
    ownerReferences: owners.map(kind => ({
      apiVersion: "yoke.cd/v1alpha1",
      kind,
      name: airway.metadata.name,
      uid: "u",
    })),
  },
});

describe("removeRemains", () => {
  it.each([
    ["removes the kind of an Airway that is gone", [instanceCrd("Airway")], ["backends.examples.com u-crd"]],
    ["leaves that of an Airway which is there again", [instanceCrd("Airway"), airway], []],
    ["leaves one that no Airway has defined", [instanceCrd()], []],
  ])("%s", async (_, objects, expected) => {
    const { client, deleted } = clusterWith(...objects);
    await removeRemains(client, [airway.metadata.name]);
    expect(deleted).toEqual(expected);
  });

  it("removes the webhooks that call our Service, and the kinds that nobody uses", async () => {
    const { client, deleted } = clusterWith(
      webhooks("atc-airway", { namespace: "atc", name: "atc" }),
      webhooks("theirs", { namespace: "yoke", name: "atc" }),
      crd("airways", "Airway"),
      crd("flights", "Flight"),
    );
    const done = await removeRemains(client, [airway.metadata.name]);
    expect(deleted).toEqual(["atc-airway u-atc-airway", "flights.yoke.cd u-flights", "airways.yoke.cd u-airways"]);
    expect(done).toContain("clusterflights.yoke.cd is not there");
  });

  it("leaves a kind with objects of others, as they would go with it", async () => {
    const { client, deleted } = clusterWith(crd("airways", "Airway"), airway);
    const done = await removeRemains(client, [airway.metadata.name]);
    expect(done.join()).toContain("stays: there are airways of others (backends.examples.com)");
    expect(deleted).toEqual([]);
  });
});
