/** What bad Airways and bad flights get: a condition that says what, where and what to do; and nobody else notices. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { type AirwayRequest, conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "badinput");
const { namespace, group } = world;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Good", flight: echo });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

async function errorOf(ref: ReturnType<World["ref"]>): Promise<string> {
  const object = await world.condition(ref, ({ status, reason }) => status === "False" && reason === "Error");
  return conditionOf(object)?.message ?? "";
}

let rounds = 0;

/** Another instance is rendered. */
async function othersWork(): Promise<void> {
  const value = String(++rounds);
  await world.applyInstance("Good", "good", { stages: [configMap("good", { value })] });
  await eventually("another instance is served", async () =>
    expect(await world.get(world.configMap("good"))).toMatchObject({ data: { value } }),
  );
}

describe("a bad Airway", () => {
  const request: AirwayRequest = { kind: "Odd", flight: echo };
  const airway = `odds.${group}`;

  it.each<[what: string, says: RegExp, bad: Partial<AirwayRequest>]>([
    [
      "a schema that Kubernetes does not accept",
      /spec\.template\.versions\[v1\]\.schema\.openAPIV3Schema\.properties\.spec\.\$ref: .*\(AIRWAY_SCHEMA_INVALID\)/,
      { schema: { type: "object", properties: { spec: { $ref: "#/x" } } } },
    ],
    [
      "a schema that only the API server refuses",
      /spec\.validation\.openAPIV3Schema.*spec.*pattern.*\(KUBE_INVALID\)/s,
      { schema: { type: "object", properties: { spec: { type: "string", pattern: "(" } } } },
    ],
    [
      "a name that is not that of its kind",
      /metadata\.name must be "odd\..*", the plural and group.*\(AIRWAY_NAME_MISMATCH\)/,
      { plural: "odd" },
    ],
    [
      "a flight that is not there",
      /no module at configmap:\/\/.*\/nowhere\/flight\.js: .* \(MODULE_MISSING\)/,
      { spec: { wasmUrls: { flight: `configmap://${namespace}/nowhere/flight.js` } } },
    ],
    [
      "a flight behind an unknown scheme",
      /unknown scheme "ftp" \(MODULE_URL_INVALID\)/,
      { spec: { wasmUrls: { flight: "ftp://example.com/flight.wasm" } } },
    ],
  ])("with %s says so and heals", async (_, says, bad) => {
    await world.applyAirway({ ...request, ...bad });
    expect(await errorOf(world.airwayRef(airway))).toMatch(says);
    await othersWork();
    await world.airway(request);
    await world.instance("Odd", "odd", { stages: [configMap("odd")] });
  });

  it.each([
    ["mode", "sometimes"],
    ["timeout", "soon"],
  ])("with a wrong %s is refused by the API server", async (field, text) => {
    const applied = world.applyAirway({ ...request, spec: { [field]: text } });
    await expect(applied).rejects.toThrow(new RegExp(`spec\\.${field}.*${text}`, "s"));
  });

  it("with a spec that became bad still lets its instances go", async () => {
    await world.airway(request);
    await world.instance("Odd", "leaving", { stages: [configMap("leaving")] });
    await world.merge(world.airwayRef(airway), { spec: { template: { names: { plural: "odd" } } } });
    await errorOf(world.airwayRef(airway));
    await atc.kill("SIGKILL");
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await world.delete(world.instanceRef("Odd", "leaving"));
    await world.gone(world.instanceRef("Odd", "leaving"));
    await world.gone(world.configMap("leaving"));
  });

  it("whose flight appears later is served then", async () => {
    const wasmUrls = { flight: `configmap://${namespace}/later/flight.js` };
    await world.applyAirway({ kind: "Later", flight: echo, spec: { wasmUrls } });
    await errorOf(world.airwayRef(`laters.${group}`));
    await world.publish("later", echo);
    await world.ready(world.airwayRef(`laters.${group}`));
  });
});

describe("a bad flight", () => {
  /** One flight with all the vices; `spec.vice` chooses, and without one it behaves. */
  const flight = `
export default ({ stdin, lookup }) => {
  const { metadata: { name, namespace }, spec: { vice } } = JSON.parse(stdin);
  const secret = () => atob(lookup({ apiVersion: "v1", kind: "Secret", namespace, name: "vices" }).object.data.hello);
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
  const vices = {
    throws: () => { throw new TypeError("replicas of undefined"); },
    tells: () => { throw new Error("the password is " + secret()); },
    labels: () => [{ ...configMap, metadata: { name, labels: { color: "!" + secret() } } }],
    loops: () => { for (;;); },
    eats: () => { for (let all = "x"; ; ) all += all + all.slice(1); },
    exits: () => ({ exitCode: 3, stderr: "replicas must be odd but got 2" }),
    garbage: () => "{ this is: [no YAML",
    nothing: () => "",
    nameless: () => [{ apiVersion: "v1", kind: "ConfigMap", metadata: {} }],
    elsewhere: () => [{ ...configMap, metadata: { name, namespace: "kube-system" } }],
    kind: () => [{ apiVersion: "vices.example.com/v1", kind: "Vice", metadata: { name } }],
    invalid: () => [{ ...configMap, data: { "not a key": "x" } }],
  };
  const output = vices[vice]?.() ?? [configMap];
  return typeof output === "string" || output.exitCode !== undefined ? output : JSON.stringify(output);
};
const atob = text => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let bits = 0, held = 0, out = "";
  for (const letter of text.replace(/=/g, "")) {
    bits = (bits << 6) | letters.indexOf(letter);
    held += 6;
    if (held >= 8) out += String.fromCharCode((bits >> (held -= 8)) & 255);
  }
  return out;
};`;
  const value = "Tr0ub4dor&3";

  beforeAll(async () => {
    await world.secret("vices", value);
    // Long enough for those that do not loop, on a slow machine.
    await world.airway({ kind: "Vice", flight, spec: { timeout: "5s", maxMemoryMib: 32 } });
  });

  it.each<[vice: string, says: RegExp]>([
    ["throws", /the flight failed: TypeError: replicas of undefined.*flight\.js:\d+.*\(FLIGHT_FAILED\)/s],
    ["tells", /the password is \[secret\].*\(FLIGHT_FAILED\)/s],
    ["labels", /ConfigMap.*metadata\.labels: Invalid value: "!\[secret\]".*\(KUBE_INVALID\)/s],
    ["loops", /execution timeout \(5s\) exceeded \(FLIGHT_TIMEOUT\)/],
    ["eats", /more than its 32 MiB of memory \(FLIGHT_OUT_OF_MEMORY\)/],
    ["exits", /the flight exited with 3: replicas must be odd but got 2 \(FLIGHT_EXIT\)/],
    ["garbage", /output is neither JSON nor YAML: .*\(RELEASE_OUTPUT_UNREADABLE\)/s],
    ["nothing", /output is empty \(RELEASE_OUTPUT_EMPTY\)/],
    ["nameless", /stage 1, object 1 \(ConfigMap\): metadata\.name is missing \(RELEASE_OBJECT_INVALID\)/],
    ["elsewhere", /Multiple namespaces detected.*ConfigMap kube-system\/elsewhere \(RELEASE_NAMESPACE_FOREIGN\)/],
    ["kind", /Vice .*kind: the cluster has no kind Vice in vices\.example\.com\/v1 \(RELEASE_KIND_UNKNOWN\)/],
    ["invalid", /data\[not a key\]: Invalid value.*\(KUBE_INVALID\)/s],
  ])("that %s is told, disturbs nobody and is healed by a correction", async (vice, says) => {
    await world.applyInstance("Vice", vice, { vice });
    const message = await errorOf(world.instanceRef("Vice", vice));
    expect(message).toMatch(says);
    await othersWork();
    await world.instance("Vice", vice);
    await world.get(world.configMap(vice));
    const told = [message, atc.logs(), ...(await world.events(vice))].join("\n");
    expect(told).not.toContain(value);
  });

  it("loses nothing of what a good render made", async () => {
    await world.instance("Vice", "kept");
    await world.applyInstance("Vice", "kept", { vice: "throws" });
    await errorOf(world.instanceRef("Vice", "kept"));
    await world.get(world.configMap("kept"));
  });

  it("that renders a kind which is not served yet is served when it is", async () => {
    const plural = "latecomers";
    const latecomer = { apiVersion: `${group}/v1`, kind: "Latecomer", metadata: { name: "late" } };
    await world.applyInstance("Good", "early", { stages: [latecomer] });
    expect(await errorOf(world.instanceRef("Good", "early"))).toContain("RELEASE_KIND_UNKNOWN");
    const crd = world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `${plural}.${group}`, "");
    const schema = { openAPIV3Schema: { type: "object" } };
    await world.apply({
      apiVersion: crd.apiVersion,
      kind: crd.kind,
      metadata: { name: crd.name },
      spec: {
        ...{ group, names: { kind: "Latecomer", plural }, scope: "Namespaced" },
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    });
    await world.ready(world.instanceRef("Good", "early"));
    await world.delete(world.instanceRef("Good", "early"));
    await world.letGo(world.ref(latecomer.apiVersion, latecomer.kind, latecomer.metadata.name));
    await world.gone(world.instanceRef("Good", "early"));
    await world.delete(crd);
  });
});
