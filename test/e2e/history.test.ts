/** The history of a release and the way back in it, on a real API server. */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo } from "./support/flights.ts";
import { conditionOf, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "history");
const { namespace, group } = world;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig") });
  await world.open();
  await world.airway({ kind: "Echo", flight: echo });
  await world.airway({ kind: "Backend", flight: backend });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

const revisionAnnotation = "atc.yoke.cd/revision";

function stages(name: string, value: string): KubeObject[][] {
  return [[{ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } }]];
}

interface Kept {
  readonly name: string;
  /** What it holds of `stages`. */
  readonly value: string;
  readonly activeAt: string;
  readonly secret: KubeObject;
}

/** As yoke's tools find them: by label. Active first. */
async function revisions(name: string): Promise<Kept[]> {
  const type = await world.client.discovery.resolve("v1", "Secret");
  if (type === undefined) throw new Error("the cluster has no Secrets");
  const { items } = await world.client.list(type, { namespace, labelSelector: "internal.yoke/kind=revision" });
  return items
    .filter(({ metadata }) => metadata.annotations?.["internal.yoke/release-name"] === releaseOf(name))
    .map(kept)
    .sort((a, b) => (a.activeAt < b.activeAt ? 1 : -1));
}

function kept(secret: KubeObject): Kept {
  const { resources } = secret["data"] as { resources: string };
  const [[object]] = JSON.parse(gunzipSync(Buffer.from(resources, "base64")).toString()) as [[KubeObject]];
  const { value } = object["data"] as { value: string };
  const activeAt = secret.metadata.annotations?.["internal.yoke/active-at"] ?? "";
  return { name: secret.metadata.name, value, activeAt, secret };
}

const releaseOf = (name: string) => `${group}.Echo.${namespace}.${name}`;

function keeps(name: string, values: readonly string[]): Promise<Kept[]> {
  return eventually(`${name} has the revisions ${values.join(", ")}`, async () => {
    const found = await revisions(name);
    expect(found.map(({ value }) => value)).toEqual(values);
    return found;
  });
}

function valueIs(name: string, value: string): Promise<void> {
  return eventually(`ConfigMap ${name} has ${value}`, async () =>
    expect(await world.get(world.configMap(name))).toMatchObject({ data: { value } }),
  );
}

/** Each value rolled out and kept, one after the other. */
async function rolls(name: string, values: readonly string[]): Promise<void> {
  for (const [at, value] of values.entries()) {
    await world.instance("Echo", name, { stages: stages(name, value) });
    await keeps(name, values.slice(Math.max(0, at - 1), at + 1).reverse());
  }
}

function pin(name: string, revision: string | null): Promise<KubeObject> {
  return world.merge(world.instanceRef("Echo", name), {
    metadata: { annotations: { [revisionAnnotation]: revision } },
  });
}

describe("the history of a release", () => {
  it("has the last two states, in yoke's format", async () => {
    await rolls("two", ["1", "2", "3"]);
    const [active] = await keeps("two", ["3", "2"]);
    const { metadata } = active?.secret ?? {};
    expect(active?.secret).toMatchObject({ type: "Opaque" });
    expect(metadata?.name).toMatch(/^yoke\.[0-9a-f]{12}$/);
    expect(metadata?.labels?.["internal.yoke/release"]).toMatch(/^[0-9a-f]{40}$/);
    expect(metadata?.annotations).toMatchObject({
      "internal.yoke/resources": "1",
      "internal.yoke/source-url": `configmap://${namespace}/flight-echos/flight.js`,
      "internal.yoke/source-checksum": expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    const managers = metadata?.managedFields?.map(({ manager }) => manager);
    expect(managers).toEqual(["yoke"]);
    const { status } = await eventually("the status says what is kept", async () => {
      const instance = await world.get(world.instanceRef("Echo", "two"));
      const names = (await revisions("two")).map(({ name }) => name);
      expect(instance["status"]).toMatchObject({ atc: { revision: { name: names[0], former: [names[1]] } } });
      return instance;
    });
    expect(status).not.toMatchObject({ atc: { revision: { pending: true } } });
  });

  it("has no revision of a render that changes nothing, nor of a restart", async () => {
    await rolls("same", ["1"]);
    await world.instance("Echo", "same", { stages: stages("same", "1"), of: "another" });
    await atc.kill("SIGKILL");
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await world.instance("Echo", "same", { stages: stages("same", "1"), of: "a third" });
    await world.instance("Echo", "same", { stages: stages("same", "2") });
    await keeps("same", ["2", "1"]);
  });

  it("is complete when the controller dies right after a roll", async () => {
    await world.instance("Echo", "killed", { stages: stages("killed", "1") });
    await atc.kill("SIGKILL");
    atc = await startAtc({ kubeconfig: inject("kubeconfig") });
    await keeps("killed", ["1"]);
  });

  it("grows when its Airway keeps more", async () => {
    await world.airway({ kind: "Echo", flight: echo, spec: { historyCapSize: 3 } });
    await rolls("three", ["1", "2"]);
    await world.instance("Echo", "three", { stages: stages("three", "3") });
    await keeps("three", ["3", "2", "1"]);
    await world.airway({ kind: "Echo", flight: echo, spec: { historyCapSize: 2 } });
  });

  it("goes with the instance", async () => {
    await rolls("gone", ["1", "2"]);
    await world.delete(world.instanceRef("Echo", "gone"));
    await world.gone(world.instanceRef("Echo", "gone"));
    expect(await revisions("gone")).toEqual([]);
  });
});

describe("a rollback", () => {
  it("applies the revision that the annotation names, until it is gone", async () => {
    await rolls("back", ["1", "2"]);
    const [, first] = await keeps("back", ["2", "1"]);
    await pin("back", first?.name ?? "");
    await valueIs("back", "1");
    await keeps("back", ["1", "2"]);
    const pinned = await world.condition(world.instanceRef("Echo", "back"), ({ message }) =>
      message.startsWith(`pinned to revision ${first?.name}: `),
    );
    expect(conditionOf(pinned)?.status).toBe("True");
    // Held against drift, and not rendered again.
    await world.merge(world.configMap("back"), { data: { value: "mine" } });
    await valueIs("back", "1");
    await world.instance("Echo", "back", { stages: stages("back", "3") });
    await valueIs("back", "1");
    await pin("back", null);
    await valueIs("back", "3");
    await keeps("back", ["3", "1"]);
  });

  it("to a revision that is not there says which ones are", async () => {
    await rolls("unknown", ["1"]);
    const [only] = await keeps("unknown", ["1"]);
    await pin("unknown", "yoke.ffffffffffff");
    const told = await world.condition(world.instanceRef("Echo", "unknown"), ({ status }) => status === "False");
    expect(conditionOf(told)?.message).toContain(`it has ${only?.name} (RELEASE_REVISION_UNKNOWN)`);
    await pin("unknown", null);
    await world.ready(world.instanceRef("Echo", "unknown"));
  });

  it("to a revision of another release, or to one that somebody wrote, is refused", async () => {
    await rolls("one", ["1"]);
    await rolls("other", ["secret"]);
    const [[one], [other]] = [await keeps("one", ["1"]), await keeps("other", ["secret"])];
    await pin("one", other?.name ?? "");
    const ref = world.instanceRef("Echo", "one");
    await world.condition(ref, ({ message }) => message.includes("RELEASE_REVISION_UNKNOWN"));
    const { labels, annotations } = one?.secret.metadata ?? {};
    const forged = stages("forged", "!");
    await world.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        ...{ name: "yoke.00000000f00d", namespace },
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
      data: { resources: Buffer.from(JSON.stringify(forged)).toString("base64") },
    });
    await pin("one", "yoke.00000000f00d");
    await world.condition(ref, ({ message }) => message.includes("RELEASE_REVISION_FORGED"));
    expect(await world.client.get(world.configMap("forged"))).toBeUndefined();
    await pin("one", null);
    await world.ready(ref);
    await world.delete(world.ref("v1", "Secret", "yoke.00000000f00d"));
  });
});

describe("why a release rolled", () => {
  interface Told {
    readonly cause: string;
    readonly flight: string;
    readonly revision: string;
    readonly causes: {
      kind: string;
      resourceVersion: string;
      keys: { key: string; before: string; after: string }[];
    }[];
    readonly changes: { kind: string; why: string; paths: string[] }[];
  }

  async function rollsOf(name: string): Promise<Told[]> {
    const { status } = await world.get(world.instanceRef("Backend", name));
    return (status as { atc: { rolls: Told[] } }).atc.rolls;
  }

  it("is told with object, version, keys, paths, flight and revision, and no value", async () => {
    await world.secret("why", "horse-1");
    await world.instance("Backend", "why");
    const versions: string[] = [];
    for (const value of ["horse-2", "horse-1"]) {
      const { resourceVersion = "" } = (await world.secret("why", value)).metadata;
      versions.unshift(resourceVersion);
      await eventually("the roll is told", async () =>
        expect((await rollsOf("why"))[0]?.causes[0]?.resourceVersion).toBe(resourceVersion),
      );
    }
    const [back, there, first] = await rollsOf("why");
    for (const [roll, resourceVersion] of [
      [back, versions[0]],
      [there, versions[1]],
    ] as const) {
      expect(roll).toMatchObject({
        cause: expect.stringContaining(`Secret ${namespace}/why updated (resourceVersion ${resourceVersion})`),
        flight: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        revision: expect.stringMatching(/^yoke\.[0-9a-f]{12}$/),
        causes: [{ change: "updated", kind: "Secret", namespace, name: "why", resourceVersion }],
        changes: [{ why: "changed", kind: "Deployment", paths: ['spec.template.metadata.annotations["e2e/hash"]'] }],
      });
      expect(roll?.causes[0]?.keys.map(({ key }) => key)).toEqual(["hello"]);
    }
    const [was, is] = [there?.causes[0]?.keys[0], back?.causes[0]?.keys[0]];
    expect([is?.before, is?.after]).toEqual([was?.after, was?.before]);
    expect(first?.changes).toMatchObject([{ why: "missing", kind: "Deployment" }]);
    const events = await eventually("an Event of each roll", async () => {
      const found = (await world.events("why")).filter(event => event.startsWith("Applied"));
      expect(found).toHaveLength(3);
      return found;
    });
    for (const event of events) expect(event).toContain(`; flight ${back?.flight.slice(0, 19)}`);
    const told = JSON.stringify(await world.get(world.instanceRef("Backend", "why"))) + events.join();
    expect(told).not.toMatch(/horse/);
  });
});
