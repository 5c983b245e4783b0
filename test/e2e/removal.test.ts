/** What becomes of objects that leave a release, on a real API server. */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "removal");
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Wide", flight: echo, spec: { template: template("Wide", "wides") } });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

function template(kind: string, plural: string) {
  const spec = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const openAPIV3Schema = { type: "object", properties: { spec } };
  const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }];
  return { group: world.group, names: { kind, plural }, scope: "Cluster", versions };
}

async function wide(name: string, stages: unknown): Promise<KubeObject> {
  const apiVersion = `${world.group}/v1`;
  await world.apply({ apiVersion, kind: "Wide", metadata: { name }, spec: { stages } });
  return world.ready(world.ref(apiVersion, "Wide", name, ""));
}

it("a Namespace that nobody wants pruned stays, with the owners that it has besides", async () => {
  const other = await world.get(world.ref("v1", "Namespace", "kube-system", ""));
  const name = "e2e-removal-kept";
  const instance = await wide("keeper", [{ apiVersion: "v1", kind: "Namespace", metadata: { name } }]);
  const ref = world.ref("v1", "Namespace", name, "");
  const foreign = { apiVersion: "v1", kind: "Namespace", name: "kube-system", uid: other.metadata.uid };
  const { ownerReferences = [] } = (await world.get(ref)).metadata;
  expect(ownerReferences.map(({ uid }) => uid)).toEqual([instance.metadata.uid]);
  await world.merge(ref, { metadata: { ownerReferences: [...ownerReferences, foreign] } });
  const owner = world.ref(`${world.group}/v1`, "Wide", "keeper", "");
  await world.delete(owner);
  await world.gone(owner);
  const { metadata } = await world.get(ref);
  expect(metadata.deletionTimestamp).toBeUndefined();
  expect(metadata.ownerReferences).toEqual([foreign]);
  expect(metadata.labels).not.toHaveProperty("app.kubernetes.io/managed-by");
  expect(Object.keys(metadata.annotations ?? {})).toEqual(["instance.atc.yoke.cd/instanceRef"]);
  await world.delete(ref);
});

it("an object whose version is served no more goes all the same", async () => {
  const group = `moving.${world.group}`;
  const versions = (served: string) =>
    ["v1", "v2"].map(name => ({
      ...{ name, served: name === served, storage: name === served },
      schema: { openAPIV3Schema: { type: "object" } },
    }));
  const crd = (served: string): KubeObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `movers.${group}` },
    spec: { group, scope: "Cluster", names: { kind: "Mover", plural: "movers" }, versions: versions(served) },
  });
  await world.apply(crd("v1"));
  await eventually("the kind is served", async () => {
    world.client.discovery.invalidate();
    expect(await world.client.discovery.resolve(`${group}/v1`, "Mover")).toBeDefined();
  });
  await wide("mover", [{ apiVersion: `${group}/v1`, kind: "Mover", metadata: { name: "moved" } }]);
  await world.apply(crd("v2"));
  await eventually("the version is another", async () => {
    world.client.discovery.invalidate();
    expect(await world.client.discovery.resolve(`${group}/v1`, "Mover")).toBeUndefined();
  });
  const moved = world.ref(`${group}/v2`, "Mover", "moved", "");
  expect(await world.client.get(moved)).toBeDefined();
  // As a start does, which knows nothing of kinds that were.
  await atc.kill("SIGTERM");
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.delete(world.ref(`${world.group}/v1`, "Wide", "mover", ""));
  await world.letGo(moved);
  await world.gone(moved);
  await world.gone(world.ref(`${world.group}/v1`, "Wide", "mover", ""));
  await world.delete(world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `movers.${group}`, ""));
});
