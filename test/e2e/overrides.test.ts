/** The annotations that change mode or flight of one instance, on a real API server. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, type AtcOptions, startAtc, withAdmission } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "overrides");
const plains = `plains.${world.group}`;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Plain", flight: echo, spec: { mode: "standard" } });
});

afterAll(async () => {
  const unknown = await atc.metric("atc_reconcile_errors_total", { code: "UNKNOWN" });
  await world.close().finally(() => atc.kill("SIGTERM"));
  expect(unknown).toBe(0);
});

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

const dataOf = async (name: string) => (await world.get(world.configMap(name)))["data"];

async function annotate(name: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
  await world.merge(world.instanceRef("Plain", name), { metadata: { annotations } });
}

describe("the mode of one instance", () => {
  it("is that of its annotation while there is a valid one", async () => {
    await world.instance("Plain", "mode", { stages: [configMap("mode", { a: "b" })] });
    await world.instance("Plain", "other", { stages: [configMap("other", { a: "b" })] });
    await atc.rendersAfter(plains, () => annotate("mode", { "overrides.yoke.cd/mode": "dynamic" }));
    await world.merge(world.configMap("mode"), { data: { a: "c" } });
    await world.merge(world.configMap("other"), { data: { a: "c" } });
    await eventually("the edit is taken back", async () => expect(await dataOf("mode")).toEqual({ a: "b" }));
    await world.delete(world.configMap("mode"));
    await eventually("it comes back", async () => expect(await dataOf("mode")).toEqual({ a: "b" }));
    expect(await dataOf("other")).toEqual({ a: "c" });

    await atc.rendersAfter(plains, () => annotate("mode", { "overrides.yoke.cd/mode": "eager" }));
    await world.merge(world.configMap("mode"), { data: { a: "d" } });
    await atc.idle();
    expect(await dataOf("mode")).toEqual({ a: "d" });
  });

  it("cannot be static where no webhook would keep it", async () => {
    await world.instance("Plain", "static", { stages: [configMap("static", { a: "b" })] });
    await annotate("static", { "overrides.yoke.cd/mode": "static" });
    const ref = world.instanceRef("Plain", "static");
    const refused = await world.condition(ref, ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toContain("RELEASE_STATIC_UNGUARDED");
    await annotate("static", { "overrides.yoke.cd/mode": null });
    await world.ready(ref);
  });
});

describe("an override of the flight", () => {
  it("is refused where nobody asked who sets it", async () => {
    const ref = world.instanceRef("Plain", "unguarded");
    await world.instance("Plain", "unguarded", { stages: [configMap("unguarded", { a: "b" })] });
    await annotate("unguarded", { "overrides.yoke.cd/flight": "https://evil.example/flight.wasm" });
    const refused = await world.condition(ref, ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toContain("RELEASE_OVERRIDE_UNGUARDED");
    expect(await dataOf("unguarded")).toEqual({ a: "b" });
    await annotate("unguarded", { "overrides.yoke.cd/flight": null });
    await world.ready(ref);
  });
});

describe("the flight of one instance", () => {
  let guarded: AtcOptions;

  beforeAll(async () => {
    guarded = await withAdmission(inject("kubeconfig"), "atc-overrides");
    await atc.kill("SIGTERM");
    atc = await startAtc(guarded);
  });

  const saying = (word: string) => `export default ({ env }) => JSON.stringify([{
    apiVersion: "v1", kind: "ConfigMap", metadata: { name: env.YOKE_RELEASE.split(".").pop() }, data: { word: ${JSON.stringify(word)} }
  }]);`;

  it("is that of its annotation, whose changes it follows, and the Airway's again without", async () => {
    const stages = [configMap("flight", { of: "the Airway" })];
    await world.instance("Plain", "flight", { stages });
    const { flight } = await world.publish("another", saying("one"));
    await annotate("flight", { "overrides.yoke.cd/flight": flight });
    await eventually("the other flight's", async () => expect(await dataOf("flight")).toEqual({ word: "one" }));
    await world.publish("another", saying("two"));
    await eventually("its new version's", async () => expect(await dataOf("flight")).toEqual({ word: "two" }));
    await atc.kill("SIGTERM");
    await world.publish("another", saying("three"));
    atc = await startAtc(guarded);
    await eventually("what came meanwhile", async () => expect(await dataOf("flight")).toEqual({ word: "three" }));
    await annotate("flight", { "overrides.yoke.cd/flight": null });
    await eventually("the Airway's", async () => expect(await dataOf("flight")).toEqual({ of: "the Airway" }));
  });

  it("has to be there when it is named", async () => {
    await world.instance("Plain", "missing", { stages: [configMap("missing", { of: "the Airway" })] });
    const url = `configmap://${world.namespace}/never/flight.js`;
    await expect(annotate("missing", { "overrides.yoke.cd/flight": url })).rejects.toThrow(url);
    expect(await dataOf("missing")).toEqual({ of: "the Airway" });
  });
});
