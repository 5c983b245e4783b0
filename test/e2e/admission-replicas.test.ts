/** Webhooks over the life of replicas: who serves, who cleans up, and what holds while nobody is there. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { clientConfigOf, jane, refusal } from "./support/admission.ts";
import { type Atc, type AtcOptions, startAtc, withAdmission } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "replicas");
const { namespace, group } = world;
const own = ["atc-airway", "atc-flight", "atc-resources"];
let options: AtcOptions;
let atc: Atc;

beforeAll(async () => {
  options = await withAdmission(inject("kubeconfig"));
  atc = await startAtc(options);
  await world.open();
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

async function present(): Promise<string[]> {
  const found = await Promise.all(own.map(name => world.client.get(world.webhooks(name))));
  return own.filter((_, at) => found[at] !== undefined);
}

const wrong = { apiVersion: "v1", kind: "Service", metadata: { name: "wrong" }, spec: { ports: [{ port: 0 }] } };

describe("while nobody serves", () => {
  it("everything is admitted but overrides by those who may not set them", async () => {
    await world.airway({ kind: "Alone", flight: echo });
    await world.instance("Alone", "alone", { stages: [] });
    const client = await jane(world);
    await atc.kill("SIGKILL");
    expect(await refusal(world.applyInstance("Alone", "alone", { stages: [wrong] }))).toBe("accepted");
    const ref = world.instanceRef("Alone", "alone");
    const override = { metadata: { annotations: { "overrides.yoke.cd/mode": "standard" } } };
    const options2 = { type: "merge", fieldManager: "jane" } as const;
    const said = await refusal(client.patch(ref, override, options2));
    expect(said).toContain(`overrides.alones.${group}`);
    // The URL that the API server quotes, without what opens it.
    expect(said).toContain(`/…/overrides/alones.${group}`);
    expect(await refusal(client.patch(ref, { metadata: { labels: { a: "b" } } }, options2))).toBe("accepted");
    expect(await refusal(world.merge(ref, override))).toBe("accepted");
    await client.transport.close();
    atc = await startAtc(options);
    // What was admitted unseen is told in the condition.
    await world.condition(ref, ({ reason, message }) => reason === "Error" && message.includes("spec.ports[0].port"));
  });
});

describe("a stop", () => {
  it("takes the controller's configurations away when it is the last, and a start brings them back", async () => {
    expect(await present()).toEqual(own);
    await atc.kill("SIGTERM");
    expect(await present()).toEqual([]);
    atc = await startAtc(options);
    expect(await present()).toEqual(own);
  });

  it("leaves them to a replica that stands by", async () => {
    await atc.kill("SIGTERM");
    const shared = { LEADER_ELECT: "true", LEASE_NAME: "admission-e2e", LEASE_DURATION: "5s" };
    const url = async () => (await clientConfigOf(world, "atc-airway")).url;
    const first = await startAtc({ ...options, env: { ...options.env, ...shared } });
    // Before it leads it is ready as one that stands by.
    await eventually("it is asked", async () => expect(await url()).toContain(options.env?.["WEBHOOK_URL"]));
    const other = await withAdmission(inject("kubeconfig"));
    const second = await startAtc({ ...other, env: { ...other.env, ...shared } });
    expect(await url()).toContain(options.env?.["WEBHOOK_URL"]);
    await first.kill("SIGTERM");
    expect(await present()).toEqual(own);
    await eventually("the successor is asked", async () => expect(await url()).toContain(other.env?.["WEBHOOK_URL"]));
    await second.kill("SIGTERM");
    expect(await present()).toEqual([]);
    atc = await startAtc(options);
  });
});

describe("an Airway with several versions and a converter", () => {
  const converter = `
export default ({ stdin }) => {
  const { request } = JSON.parse(stdin);
  const convertedObjects = request.objects.map(({ status, ...object }) => {
    const { spec } = object;
    const next = request.desiredAPIVersion.endsWith("/v2")
      ? { ...spec, color: undefined, paint: spec.paint ?? spec.color }
      : { ...spec, paint: undefined, color: spec.color ?? spec.paint };
    return { ...object, apiVersion: request.desiredAPIVersion, spec: next };
  });
  return JSON.stringify({
    apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview",
    response: { uid: request.uid, result: { status: "Success" }, convertedObjects },
  });
};`;
  const painter = `
export default ({ stdin }) => {
  const { metadata: { name }, spec } = JSON.parse(stdin);
  if (spec.paint === undefined) throw new Error("no paint");
  return JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { paint: spec.paint } }]);
};`;

  it("is asked in every version about the stored one, and keeps status over a conversion", async () => {
    const { flight: url } = await world.publish("converter", converter);
    const schema = {
      openAPIV3Schema: {
        type: "object",
        properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    };
    const versions = [
      { name: "v1", served: true, storage: false, schema },
      { name: "v2", served: true, storage: true, schema },
    ];
    const published = await world.publish("flight-paints", painter);
    const names = { kind: "Paint", plural: "paints" };
    await world.airway({
      kind: "Paint",
      flight: painter,
      spec: { wasmUrls: { ...published, converter: url }, template: { group, names, scope: "Namespaced", versions } },
    });
    const paint = (spec: Record<string, unknown>): KubeObject => ({
      apiVersion: `${group}/v1`,
      kind: "Paint",
      metadata: { name: "wall", namespace },
      spec,
    });
    await eventually("v1 is validated, too", async () => {
      expect(await refusal(world.apply(paint({ of: "e2e" })))).toContain("no paint");
    });
    await world.apply(paint({ of: "e2e", color: "red" }));
    await world.ready({ ...world.instanceRef("Paint", "wall"), apiVersion: `${group}/v2` });
    expect((await world.get(world.configMap("wall")))["data"]).toEqual({ paint: "red" });
    const asV1 = await world.get(world.instanceRef("Paint", "wall"));
    expect(asV1["spec"]).toEqual({ of: "e2e", color: "red" });
    expect(asV1["status"]).toMatchObject({ conditions: [{ type: "Ready", status: "True" }] });
  });
});
