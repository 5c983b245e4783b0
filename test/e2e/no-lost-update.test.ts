/**
 * No update is lost: whatever is written, and whenever, in the end every child is what the last state renders.
 * The writes fall into renders, cut and frozen watches, an API server that refuses, and a controller that is killed.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo, hashOf } from "./support/flights.ts";
import { faultyApi, networkProxy } from "./support/proxy.ts";
import { hashOn, World } from "./support/world.ts";

const direct = inject("kubeconfig");
const world = new World(direct, "nolost");
const { group } = world;
const airway = `backends.${group}`;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: direct });
  await world.open();
  await world.airway({ kind: "Backend", flight: backend });
  await world.airway({ kind: "Echo", flight: echo, spec: { mode: "dynamic" } });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

/** Replaces the controller by one that goes another way to the API server, until the test is over. */
async function restart(kubeconfig: string): Promise<void> {
  await atc.kill("SIGTERM");
  atc = await startAtc({ kubeconfig });
  await atc.settled();
}

const hashFor = (value: string) => hashOf({ hello: Buffer.from(value).toString("base64") });

function rolledTo(name: string, value: string): Promise<void> {
  return eventually(
    `Deployment ${name} has the hash of ${value}`,
    async () => expect(hashOn(await world.get(world.deployment(name)))).toBe(hashFor(value)),
    { timeoutMs: 60_000 },
  );
}

const rendered = (result: "rendered" | "skipped" | "failed") => atc.metric("atc_renders_total", { airway, result });

describe("a change", () => {
  it("during a render is rendered too", async () => {
    await world.secret("during", "start");
    await world.instance("Backend", "during", { slow: 4_000_000 });
    for (let round = 1; round <= 5; round++) {
      await world.secret("during", `before-${round}`);
      await eventually("a flight runs", async () => expect(await atc.metric("atc_sandbox_busy")).toBe(1));
      await world.secret("during", `inside-${round}`);
      await rolledTo("during", `inside-${round}`);
    }
  });

  it("while the controller is down is rendered by the next one, and nothing else is", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `down-${index}`);
    for (const name of names) await world.secret(name, "up");
    await Promise.all(names.map(name => world.instance("Backend", name)));
    await restart(direct);
    expect(await rendered("rendered")).toBe(0);
    await atc.kill("SIGTERM");
    await world.secret("down-7", "down");
    atc = await startAtc({ kubeconfig: direct });
    await rolledTo("down-7", "down");
    await atc.settled();
    expect(await rendered("rendered")).toBe(1);
  });

  it("of the spec and back while the controller is down leaves what it was", async () => {
    await world.instance("Backend", "there", { label: "red" });
    await atc.kill("SIGKILL");
    await world.applyInstance("Backend", "there", { label: "blue" });
    await world.applyInstance("Backend", "there", { label: "red" });
    atc = await startAtc({ kubeconfig: direct });
    const { metadata } = await world.ready(world.instanceRef("Backend", "there"));
    expect(metadata.generation).toBe(3);
    expect((await world.get(world.deployment("there"))).metadata.labels).toMatchObject({ color: "red" });
  });
});

describe("a change behind a broken network", () => {
  afterEach(() => restart(direct));

  it("is rendered when the connections are back", async () => {
    const proxy = await networkProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("cut", "before");
    await world.instance("Backend", "cut");
    await restart(proxy.kubeconfig);
    for (const value of ["first", "second"]) {
      proxy.cut();
      await world.secret("cut", value);
      await world.delete(world.deployment("cut"));
      proxy.heal();
      await rolledTo("cut", value);
    }
  });

  it("is rendered also when the connections never tell that they are dead", async () => {
    const proxy = await networkProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("frozen", "before");
    await world.instance("Backend", "frozen");
    await restart(proxy.kubeconfig);
    proxy.freeze();
    await world.secret("frozen", "after");
    await rolledTo("frozen", "after");
  });

  it.each([500, 429])("is rendered when the API server has answered %d for a while", async status => {
    const api = await faultyApi(direct);
    onTestFinished(() => api.close());
    const name = `refused-${status}`;
    await world.secret(name, "before");
    await world.instance("Backend", name);
    await restart(api.kubeconfig);
    api.answerWith(status);
    await world.secret(name, "after");
    await eventually("a run fails", async () => expect(await rendered("failed")).toBeGreaterThan(0));
    expect((await atc.page("/healthz")).status).toBe(200);
    api.answerWith(undefined);
    await rolledTo(name, "after");
    await world.ready(world.instanceRef("Backend", name));
  });

  it("is rendered by a controller that was started while the API server refused", async () => {
    const api = await faultyApi(direct);
    onTestFinished(() => api.close());
    await world.secret("early", "before");
    await world.instance("Backend", "early");
    await atc.kill("SIGTERM");
    await world.secret("early", "after");
    api.answerWith(500);
    atc = new Atc({ kubeconfig: api.kubeconfig });
    await eventually("it waits", () => expect(atc.logs()).toContain("waiting for the API server"));
    expect((await atc.page("/readyz")).status).toBe(503);
    api.answerWith(undefined);
    await rolledTo("early", "after");
  });
});

describe("a controller that is killed again and again", () => {
  const kills = Number(process.env["E2E_KILLS"] || 100);
  const seed = Number(process.env["E2E_SEED"] || Date.now() % 2 ** 32);
  const names = ["a", "b", "c", "d"];
  /** The last state that was asked for. */
  const values = new Map<string, string>();
  const labels = new Map<string, string>();
  let set: string[] = [];

  function configMap(name: string): KubeObject {
    return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { name } };
  }

  /** One random write: a Secret, a spec, a child that is edited or deleted, the set of children of the Echo. */
  async function write(random: () => number, round: number): Promise<void> {
    const name = `killed-${names[Math.floor(random() * names.length)]}`;
    const choice = random();
    if (choice < 0.5) {
      values.set(name, `v${round}`);
      await world.secret(name, `v${round}`);
    } else if (choice < 0.65) {
      labels.set(name, `l${round % 2}`);
      await world.applyInstance("Backend", name, specOf(name));
    } else if (choice < 0.8) {
      await world.delete(world.deployment(name));
    } else {
      // Names that never come back: what is made and then forgotten stays for the end to find.
      set = ["x", "y", "z"].filter(() => random() < 0.5).map(part => `killed-set-${round}-${part}`);
      await world.applyInstance("Echo", "killed-set", { stages: set.map(part => [configMap(part)]) });
    }
  }

  async function configMaps(prefix: string): Promise<string[]> {
    const type = await world.client.discovery.resolve("v1", "ConfigMap");
    if (type === undefined) throw new Error("the cluster has no ConfigMaps");
    const { items } = await world.client.list(type, { namespace: world.namespace });
    return items
      .map(({ metadata }) => metadata.name)
      .filter(name => name.startsWith(prefix))
      .sort();
  }

  function specOf(name: string): Record<string, unknown> {
    return { label: labels.get(name) ?? "l0", emitSecret: name === "killed-a" };
  }

  it(`always ends with the last state (${kills} kills, E2E_SEED=${seed})`, async () => {
    const random = randomFrom(seed);
    for (const name of names.map(letter => `killed-${letter}`)) {
      values.set(name, "v0");
      await world.secret(name, "v0");
      await world.instance("Backend", name, specOf(name));
    }
    await world.instance("Echo", "killed-set", { stages: [] });
    let writing = true;
    let writes = 0;
    const writer = (async () => {
      for (; writing; await moment(random() * 20)) await write(random, ++writes);
    })();
    const killer = randomFrom(seed + 1);
    await atc.kill("SIGKILL");
    for (let round = 0; round < kills && writing; round++) {
      atc = new Atc({ kubeconfig: direct });
      // From before it has said a word to well into its work; most of them between listing and the last answer.
      await eventually("it starts", () => expect(atc.logs()).toContain("starting"));
      await moment(killer() * 400);
      await atc.kill("SIGKILL");
    }
    writing = false;
    await writer;
    atc = await startAtc({ kubeconfig: direct });
    console.log(`seed ${seed}: ${kills} kills, ${writes} writes`);
    for (const [name, value] of values) {
      await rolledTo(name, value);
      await world.ready(world.instanceRef("Backend", name));
      const { metadata } = await world.get(world.deployment(name));
      expect(metadata.labels).toMatchObject({ color: labels.get(name) ?? "l0" });
      const secret = await world.get(world.ref("v1", "Secret", name));
      expect(secret).toMatchObject({ data: { hello: Buffer.from(value).toString("base64") } });
    }
    await world.ready(world.instanceRef("Echo", "killed-set"));
    expect(await configMaps("killed-set-")).toEqual(set.sort());
  }, 600_000);
});

/** Where in its work the controller is hit is the point; nothing is expected of the time that passes. */
function moment(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}

/** mulberry32: small, and good enough to spread. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
