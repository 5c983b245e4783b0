/**
 * Lookups of a kind that comes, changes its version and goes. Nothing here waits for the slow retry of a minute: every
 * step has to be noticed by the watch of CRDs, before `eventually` gives up.
 */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { World } from "./support/world.ts";

const kubeconfig = inject("kubeconfig");
const world = new World(kubeconfig, "kinds");
const things = "things.kinds.example.com";
const crdRef = world.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", `widgets.${things}`, "");
let atc: Atc;

const flight = `
export default ({ stdin, lookup }) => {
  const { metadata: { name, namespace }, spec } = JSON.parse(stdin);
  const seen = spec.versions.map(version => {
    const answer = lookup({ apiVersion: "${things}/" + version, kind: "Widget", namespace, name: "w" });
    return [version, answer.state === "ok" ? String(answer.object.spec.size) : answer.state];
  });
  return JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: Object.fromEntries(seen) }]);
};`;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig });
  await world.open();
  await world.delete(crdRef);
  await world.gone(crdRef);
  const resourceAccessMatchers = [`Widget.${things}`];
  await world.airway({ kind: "Looker", flight, spec: { resourceAccessMatchers } });
});

afterAll(async () => {
  await world.delete(crdRef);
  // Else a release may wait for a Widget's foreground deletion, and that for a garbage collector who knows no Widgets yet.
  await world.gone(crdRef);
  await world.close().finally(() => atc.kill("SIGTERM"));
});

/** Serves Widgets in these versions; the last one is stored. */
async function serve(...served: string[]): Promise<void> {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = ["v1", "v2"].map(name => ({
    name,
    schema,
    served: served.includes(name),
    storage: name === served.at(-1),
  }));
  const names = { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" };
  const spec = { group: things, names, scope: "Namespaced", versions };
  const { apiVersion, kind, name } = crdRef;
  await world.apply({ apiVersion, kind, metadata: { name }, spec });
}

async function widget(version: string, size: number): Promise<void> {
  const apiVersion = `${things}/${version}`;
  await eventually(`the API server takes a Widget of ${version}`, async () => {
    world.client.discovery.invalidate(apiVersion);
    await world.apply({
      apiVersion,
      kind: "Widget",
      metadata: { name: "w", namespace: world.namespace },
      spec: { size },
    });
  });
}

function sees(expected: Record<string, string>): Promise<void> {
  return eventually(`the flight sees ${JSON.stringify(expected)}`, async () => {
    expect((await world.get(world.configMap("looker")))["data"]).toEqual(expected);
  });
}

it("follows a kind that comes, changes its version, goes and comes again", async () => {
  await world.instance("Looker", "looker", { versions: ["v1", "v2"] });
  await sees({ v1: "error", v2: "error" });

  await serve("v1");
  await sees({ v1: "not-found", v2: "error" });
  await widget("v1", 1);
  await sees({ v1: "1", v2: "error" });

  await serve("v1", "v2");
  await sees({ v1: "1", v2: "1" });
  await widget("v2", 2);
  await sees({ v1: "2", v2: "2" });

  await serve("v2");
  await sees({ v1: "error", v2: "2" });

  await world.delete(crdRef);
  await sees({ v1: "error", v2: "error" });
  await world.gone(crdRef);

  await serve("v1", "v2");
  await widget("v2", 3);
  await sees({ v1: "3", v2: "3" });
});

it("renders a child whose kind comes later than the instance", async () => {
  await world.delete(crdRef);
  await world.gone(crdRef);
  await world.airway({
    kind: "Maker",
    flight: `export default ({ stdin }) => {
      const { metadata: { name } } = JSON.parse(stdin);
      return JSON.stringify([{ apiVersion: "${things}/v1", kind: "Widget", metadata: { name }, spec: { size: 7 } }]);
    };`,
  });
  await world.applyInstance("Maker", "maker");
  await world.condition(
    world.instanceRef("Maker", "maker"),
    ({ status, message }) => status === "False" && message.includes("Widget"),
  );
  await serve("v1", "v2");
  await world.ready(world.instanceRef("Maker", "maker"));
  expect(await world.get(world.ref(`${things}/v1`, "Widget", "maker"))).toMatchObject({ spec: { size: 7 } });
});
