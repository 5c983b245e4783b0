/** Flights and ClusterFlights, on a real API server. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject, ObjectRef } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "flights");
const { namespace } = world;
let atc: Atc;
let wasmUrl = "";

/** Renders what stdin says; for the words `arguments` and `environment` a ConfigMap that holds them. */
const basic = `export default ({ stdin, args, env }) => {
  const configMap = data => JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: env.YOKE_RELEASE }, data }]);
  if (stdin === "arguments") return configMap({ args: args.join(" ") });
  if (stdin === "environment") return configMap(env);
  const input = stdin === "" ? {} : JSON.parse(stdin);
  return Array.isArray(input) ? stdin : configMap(input);
};`;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  wasmUrl = (await world.publish("basic", basic)).flight;
});

afterAll(async () => {
  const unknown = await atc.metric("atc_reconcile_errors_total", { code: "UNKNOWN" });
  await world.close().finally(() => atc.kill("SIGTERM"));
  expect(unknown).toBe(0);
});

const flightRef = (name: string): ObjectRef => world.ref("yoke.cd/v1alpha1", "Flight", name);
const clusterFlightRef = (name: string): ObjectRef => world.ref("yoke.cd/v1alpha1", "ClusterFlight", name, "");

function applyFlight(of: ObjectRef, spec: Readonly<Record<string, unknown>>): Promise<KubeObject> {
  const metadata = { name: of.name, ...(of.namespace === "" ? {} : { namespace: of.namespace }) };
  return world.apply({ apiVersion: of.apiVersion, kind: of.kind, metadata, spec: { wasmUrl, ...spec } });
}

async function flight(of: ObjectRef, spec: Readonly<Record<string, unknown>>): Promise<KubeObject> {
  await applyFlight(of, spec);
  return world.ready(of);
}

function configMapIn(of: string, name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: of }, data };
}

const dataOf = async (name: string) => (await world.get(world.configMap(name)))["data"];

describe("a Flight", () => {
  it("is rendered from its input, told with its inventory, and takes its objects along", async () => {
    const ref = flightRef("input");
    const first = await flight(ref, { input: '{"hello":"world"}' });
    expect(await dataOf("input")).toEqual({ hello: "world" });
    expect(first["status"]).toMatchObject({
      inventory: [{ resource: `${namespace}/ConfigMap:input`, version: "v1", ready: true }],
    });
    expect(first.metadata.finalizers).toEqual(["yoke.cd/mayday.flight"]);
    const { labels, annotations, ownerReferences } = (await world.get(world.configMap("input"))).metadata;
    expect(labels).toEqual({ "app.kubernetes.io/managed-by": "atc.yoke" });
    expect(annotations).toEqual({
      "instance.atc.yoke.cd/release": "input",
      "instance.atc.yoke.cd/namespace": namespace,
    });
    const { uid } = first.metadata;
    expect(ownerReferences).toEqual([{ apiVersion: "yoke.cd/v1alpha1", kind: "Flight", name: "input", uid }]);
    await flight(ref, { input: '{"hello":"42"}' });
    expect(await dataOf("input")).toEqual({ hello: "42" });
    await world.delete(ref);
    await world.gone(ref);
    await world.gone(world.configMap("input"));
  });

  it("takes an object for input, a text before it, and nothing for an empty text", async () => {
    await flight(flightRef("object"), { inputObject: { banana: "hammock" } });
    expect(await dataOf("object")).toEqual({ banana: "hammock" });
    await flight(flightRef("object"), { inputObject: { banana: "hammock" }, input: '{"text":"wins"}' });
    expect(await dataOf("object")).toEqual({ text: "wins" });
    await flight(flightRef("object"), { input: "" });
    expect(await dataOf("object")).toBeUndefined();
  });

  it("gets its own name, its arguments and the release's environment", async () => {
    await flight(flightRef("args"), { input: "arguments", args: ["one", "two"] });
    expect(await dataOf("args")).toEqual({ args: "args one two" });
    await flight(flightRef("args"), { input: "environment", args: [] });
    expect(await dataOf("args")).toEqual({
      ...{ YOKE_RELEASE: "args", YOKE_NAMESPACE: namespace, NAMESPACE: namespace },
      YOKE_VERSION: expect.stringMatching(/^v\d+\.\d+\.\d+$/),
    });
  });

  it("follows its module, and says what is wrong with it", async () => {
    const { flight: url } = await world.publish("moving-module", `export default () => '[]'`);
    const ref = flightRef("moving");
    await flight(ref, { wasmUrl: url, input: '{"a":"b"}' });
    await world.publish("moving-module", basic);
    await eventually("the new module's ConfigMap", async () => expect(await dataOf("moving")).toEqual({ a: "b" }));
    await applyFlight(ref, { wasmUrl: url, checksum: "applebottomjeans" });
    const refused = await world.condition(ref, ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toContain(
      'cannot verify module against expected checksum: wanted "applebottomjeans"',
    );
    expect(await dataOf("moving")).toEqual({ a: "b" });
  });

  it("may not leave its namespace, return itself, or take what another one of its name owns", async () => {
    await applyFlight(flightRef("abroad"), {
      inputObject: undefined,
      input: JSON.stringify([configMapIn("default", "x")]),
    });
    const abroad = await world.condition(flightRef("abroad"), ({ reason }) => reason === "Error");
    expect(conditionOf(abroad)?.message).toContain("Multiple namespaces detected");
    const itself = { apiVersion: "yoke.cd/v1alpha1", kind: "Flight", metadata: { name: "itself" }, spec: { wasmUrl } };
    await applyFlight(flightRef("itself"), { input: JSON.stringify([itself]) });
    const recursive = await world.condition(flightRef("itself"), ({ reason }) => reason === "Error");
    expect(conditionOf(recursive)?.message).toContain("RELEASE_OWN_DEFINITION");
  });

  it("heals its objects when the drift interval has passed, and not before", async () => {
    const ref = flightRef("drift");
    await flight(ref, { input: '{"a":"b"}' });
    await world.merge(world.configMap("drift"), { data: { a: "c" } });
    await atc.idle();
    expect(await dataOf("drift")).toEqual({ a: "c" });
    await flight(ref, { input: '{"a":"b"}', fixDriftInterval: "300ms" });
    await eventually("the drift is mended", async () => expect(await dataOf("drift")).toEqual({ a: "b" }));
    await world.merge(world.configMap("drift"), { data: { a: "d" } });
    await eventually("the drift is mended again", async () => expect(await dataOf("drift")).toEqual({ a: "b" }));
    await world.delete(ref);
    await world.gone(ref);
  });

  it("is known again after a restart, without a render", async () => {
    await flight(flightRef("lasting"), { input: '{"a":"b"}' });
    await atc.kill("SIGTERM");
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await atc.settled();
    expect(await atc.metric("atc_renders_total", { airway: "Flight", result: "rendered" })).toBe(0);
    await world.delete(flightRef("lasting"));
    await world.gone(flightRef("lasting"));
    await world.gone(world.configMap("lasting"));
  });
});

describe("the history", () => {
  it.each([
    ["Flight", "e2e-flights-back", namespace],
    ["ClusterFlight", "e2e-flights-back", "default"],
  ])("of a %s is kept, and is the way back", async (kind, name, home) => {
    const ref = kind === "Flight" ? flightRef(name) : clusterFlightRef(name);
    const output = (value: string) => ({ input: JSON.stringify([configMapIn(home, "back", { value })]) });
    const valueIs = (value: string) =>
      eventually(`the ConfigMap has ${value}`, async () =>
        expect(await world.get(world.ref("v1", "ConfigMap", "back", home))).toMatchObject({ data: { value } }),
      );
    const pin = (revision: string | null) =>
      world.merge(ref, { metadata: { annotations: { "atc.yoke.cd/revision": revision } } });
    await flight(ref, output("1"));
    await atc.kept();
    await flight(ref, output("2"));
    await atc.kept();
    const { status } = await world.get(ref);
    const [first = ""] = (status as { atc: { revision: { former: string[] } } }).atc.revision.former;
    const secret = await world.get(world.ref("v1", "Secret", first, home));
    expect(secret.metadata.annotations).toMatchObject({
      "internal.yoke/release-name": `${kind === "Flight" ? namespace : ""}/${kind}.yoke.cd:${name}`,
      "internal.yoke/resources": "1",
      "internal.yoke/source-url": wasmUrl,
    });
    await pin(first);
    await valueIs("1");
    await applyFlight(ref, { input: "this fails" });
    await world.condition(ref, ({ message }) => message === `pinned to revision ${first}: 1 object is ready`);
    await pin(null);
    await world.condition(ref, ({ reason }) => reason === "Error");
    await valueIs("1");
    await flight(ref, output("3"));
    await valueIs("3");
    await world.delete(ref);
    await world.gone(ref);
    await eventually("its revisions are gone", async () =>
      expect(await world.client.get(world.ref("v1", "Secret", first, home))).toBeUndefined(),
    );
  });
});

describe("a ClusterFlight", () => {
  it("may use every namespace, and takes its objects along", async () => {
    const second = `${namespace}-2`;
    await world.freshNamespace(second);
    const ref = clusterFlightRef("e2e-flights-wide");
    const objects = [configMapIn(namespace, "wide"), configMapIn(second, "wide")];
    const ready = await flight(ref, { input: JSON.stringify(objects) });
    expect(ready["status"]).toMatchObject({
      inventory: [{ resource: `${namespace}/ConfigMap:wide` }, { resource: `${second}/ConfigMap:wide` }],
    });
    await world.delete(ref);
    await world.gone(ref);
    await world.gone(world.configMap("wide"));
    await world.gone(world.ref("v1", "ConfigMap", "wide", second));
    await world.delete(world.ref("v1", "Namespace", second, ""));
  });

  it("is another owner than a Flight of the same name in the same release namespace", async () => {
    const flightInDefault = world.ref("yoke.cd/v1alpha1", "Flight", "e2e-flights-twin", "default");
    const ref = clusterFlightRef("e2e-flights-twin");
    await flight(flightInDefault, { input: '{"of":"flight"}' });
    await applyFlight(ref, { input: '{"of":"cluster flight"}' });
    const refused = await world.condition(ref, ({ reason }) => reason === "Error");
    expect(conditionOf(refused)?.message).toContain("already owned by");
    await world.delete(ref);
    await world.gone(ref);
    const twin = await world.get(world.ref("v1", "ConfigMap", "e2e-flights-twin", "default"));
    expect(twin["data"]).toEqual({ of: "flight" });
    await world.delete(flightInDefault);
    await world.gone(flightInDefault);
  });
});
