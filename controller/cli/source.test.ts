import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { offlineSource, overlay } from "./source.ts";

const airway: KubeObject = {
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  metadata: { name: "sites.x.y" },
  spec: {
    template: {
      ...{ group: "x.y", scope: "Cluster", names: { kind: "Site", plural: "sites" } },
      versions: [{ name: "v1" }, { name: "v2", storage: true }],
    },
  },
};

describe("an API server of files", () => {
  it.each([
    ["v1", "Secret", true],
    ["v1", "Namespace", false],
    ["rbac.authorization.k8s.io/v1", "ClusterRole", false],
    ["yoke.cd/v1alpha1", "ClusterFlight", false],
    ["x.y/v2", "Site", false],
  ])("knows of %s %s whether it is namespaced", async (apiVersion, kind, namespaced) => {
    const { client, guessed } = offlineSource([airway]);
    expect(await client.discovery.resolve(apiVersion, kind)).toMatchObject({ apiVersion, kind, namespaced });
    expect([...guessed]).toEqual([]);
  });

  it("says what it only guesses", async () => {
    const { client, guessed } = offlineSource([]);
    expect(await client.discovery.resolve("a.b/v1", "Thing")).toMatchObject({ namespaced: true });
    expect(await client.discovery.resolve("a.b/v1", "ClusterThing")).toMatchObject({ namespaced: false });
    expect([...guessed]).toEqual(["Thing.a.b", "ClusterThing.a.b"]);
  });

  it("prefers the storage version of what the files define", async () => {
    const { discovery } = offlineSource([airway]).client;
    expect(await discovery.preferred("x.y", "Site")).toMatchObject({ apiVersion: "x.y/v2", plural: "sites" });
  });

  it("has the given objects, in whatever version they are asked for, and those of the server behind it", async () => {
    const ref = { apiVersion: "apps/v1beta1", kind: "Deployment", namespace: "n", name: "d" };
    const given = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: "n" } };
    const { client } = overlay(offlineSource([]), [given]);
    expect(await client.get(ref)).toBe(given);
    expect(await client.get({ ...ref, namespace: "other" })).toBeUndefined();
  });
});
