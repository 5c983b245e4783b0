import { expect, it, vi } from "vitest";
import type { KubeObject } from "../controller/kube/object.ts";
import { removeAirwayKind } from "./existingCluster.ts";

const crd: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "airways.yoke.cd", uid: "u1" },
};
const airway: KubeObject = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", metadata: { name: "theirs.example.com" } };

const clusterWith = (...objects: KubeObject[]) => ({
  get: async () => objects.find(({ kind }) => kind === "CustomResourceDefinition"),
  list: async () => ({ items: objects.filter(({ kind }) => kind === "Airway"), resourceVersion: "1" }),
  delete: vi.fn(async () => "deleted" as const),
});

it("removes the kind that nobody uses, and no later one of the same name", async () => {
  const client = clusterWith(crd);
  expect(await removeAirwayKind(client)).toBe("airways.yoke.cd removed");
  expect(client.delete).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ name: "airways.yoke.cd" }), {
    uid: "u1",
  });
});

it("leaves a kind with Airways, as they would go with it", async () => {
  const client = clusterWith(crd, airway);
  expect(await removeAirwayKind(client)).toContain("stays: there are Airways of others (theirs.example.com)");
  expect(client.delete).not.toHaveBeenCalled();
});

it("is content with a cluster without it", async () => {
  const client = clusterWith();
  await removeAirwayKind(client);
  expect(client.delete).not.toHaveBeenCalled();
});
