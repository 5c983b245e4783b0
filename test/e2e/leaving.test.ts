/** A stack leaves a cluster that stays, and its controller was killed before: nothing of it may wait for ever. */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { letGo } from "../../scripts/existingCluster.ts";
import { type Atc, type AtcOptions, startAtc, withAdmission } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "leaving");
let options: AtcOptions;
let atc: Atc;

beforeAll(async () => {
  options = await withAdmission(inject("kubeconfig"));
  atc = await startAtc(options);
  await world.open();
  await world.airway({ kind: "Echo", flight: echo });
});

afterAll(async () => {
  // The webhooks of the one that was killed call nobody; one that ends in order takes them away from the next file.
  atc = await startAtc(options);
  await world.close().finally(() => atc.kill("SIGTERM"));
});

it("lets Airway, instances, children, revisions and webhooks go without a controller", async () => {
  const airway = `echos.${world.group}`;
  const child = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "child" } };
  const instance = await world.instance("Echo", "left", { stages: [child] });
  await atc.kept();
  const { atc: record } = instance["status"] as { atc: { revision: { name: string } } };
  const revision = world.ref("v1", "Secret", record.revision.name);
  expect(await world.client.get(revision)).toBeDefined();
  await atc.kill("SIGKILL");

  expect(await letGo(world.client, airway, 0)).toContain("its instances (1) are let go");

  const own = world.ref(instance.apiVersion, "Echo", "left");
  await world.delete(own);
  await world.gone(own);
  await world.delete(world.airwayRef(airway));
  const webhooks = world.webhooks(airway);
  const crd = world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", airway, "");
  for (const ref of [world.airwayRef(airway), world.ref("v1", "ConfigMap", "child"), revision]) await world.gone(ref);
  // The garbage collector takes half a minute to learn of a kind.
  for (const ref of [webhooks, crd]) {
    const isGone = async () => expect(await world.client.get(ref)).toBeUndefined();
    await eventually(`${ref.kind} ${ref.name} is gone`, isGone, { timeoutMs: 180_000 });
  }
});
