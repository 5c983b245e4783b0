import { expect, it } from "vitest";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { healthIn, readableChecks } from "./health.ts";

it("makes rows of a readiness report", () => {
  const report = "[+]leader ok: this replica leads\n[-]webhooks failed: not registered yet\n[+]watches ok\nnot ready\n";
  expect(readableChecks(report).split("\n")).toEqual([
    "leader     ok  this replica leads",
    "webhooks   failed  not registered yet",
    "watches    ok",
  ]);
});

const clusterWith = (objects: Readonly<Record<string, object>>, webhooks: readonly string[] = []) => ({
  get: async ({ kind }: ObjectRef) => objects[kind] as KubeObject | undefined,
  list: async () => ({ items: webhooks.map(name => ({ metadata: { name } }) as KubeObject), resourceVersion: "1" }),
});

it("names the replica that leads, and the webhooks that are registered", async () => {
  const objects = {
    Deployment: { spec: { replicas: 2 }, status: { readyReplicas: 1 } },
    Lease: { spec: { holderIdentity: "atc-7d9-abc_0f0f0f0f" } },
  };
  const text = await healthIn(clusterWith(objects, ["atc-airway", "backends.examples.com"]));
  expect(text.split("\n")).toEqual([
    "replicas   1 of 2 ready",
    "leader     atc-7d9-abc",
    "webhooks   atc-airway, backends.examples.com",
  ]);
});

it("tells of a cluster in which there is nothing", async () => {
  expect(await healthIn(clusterWith({}))).toBe(
    ["replicas   0 of 0 ready", "leader     nobody", "webhooks   none are registered"].join("\n"),
  );
});
