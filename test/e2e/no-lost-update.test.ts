/**
 * No update is lost: whatever is written, and whenever, in the end every child is what the last state renders.
 * Single cases with a name; what nobody thought of is for `chaos.test.ts` to find.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { controllerName } from "../../controller/kube/controllerName.ts";
import { Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo, hashOf } from "./support/flights.ts";
import { everything, openProxy } from "./support/proxy.ts";
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
    // Long enough to be seen by somebody who asks again and again on a busy machine.
    await world.instance("Backend", "during", { slow: 20_000_000 });
    for (let round = 1; round <= 5; round++) {
      let writes = 0;
      await eventually("a flight runs", async () => {
        // At each look: on a busy machine one run may be over between two.
        await world.secret("during", `before-${round}-${++writes}`);
        expect(await atc.metric("atc_sandbox_busy")).toBe(1);
      });
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

it("what is told stands also over words of ours that come late", async () => {
  await world.secret("words", "before");
  await world.instance("Backend", "words");
  const ref = world.instanceRef("Backend", "words");
  const { apiVersion, kind, metadata } = await world.ready(ref);
  const { name, namespace = "", uid = "", generation: observedGeneration } = metadata;
  const late = { type: "Ready", status: "False", reason: "InProgress", message: "late", observedGeneration };
  const status = { conditions: [{ ...late, lastTransitionTime: new Date().toISOString() }] };
  const options = { fieldManager: controllerName, force: true, subresource: "status" } as const;
  await world.client.apply({ apiVersion, kind, metadata: { name, namespace, uid }, status }, options);
  await world.ready(ref);
});

describe("a change behind a broken network", () => {
  afterEach(() => restart(direct));

  it("is rendered when the connections are back", async () => {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("cut", "before");
    await world.instance("Backend", "cut");
    await restart(proxy.kubeconfig);
    for (const value of ["first", "second"]) {
      proxy.network.cut();
      await world.secret("cut", value);
      await world.delete(world.deployment("cut"));
      proxy.network.heal();
      await rolledTo("cut", value);
    }
  });

  /** An instance whose only child was made by a second request, and the first one, which may come any time. */
  async function heldCreation(name: string) {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    await world.instance("Echo", name, { stages: [[]] });
    await restart(proxy.kubeconfig);
    const held = proxy.api.holdBack("PATCH", `/api/v1/namespaces/${world.namespace}/configmaps/${name}`);
    await world.applyInstance("Echo", name, { stages: [[configMap(name, "1")]] });
    await held.caught;
    proxy.network.reset();
    await world.ready(world.instanceRef("Echo", name));
    return held;
  }

  const configMap = (name: string, value: string) => ({
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } },
  });

  it("stands when the creation of a child comes late", async () => {
    const held = await heldCreation("late");
    await world.instance("Echo", "late", { stages: [[configMap("late", "2")]] });
    expect(await held.deliver()).toBe(409);
    expect((await world.get(world.configMap("late")))["data"]).toEqual({ value: "2" });
  });

  it("stands when the creation of a child comes after it was removed", async () => {
    const held = await heldCreation("later");
    await world.instance("Echo", "later", { stages: [[]] });
    expect(await world.client.get(world.configMap("later"))).toBeUndefined();
    expect(await held.deliver()).toBe(201);
    await world.gone(world.configMap("later"));
    // It is wanted again, and stays.
    await world.instance("Echo", "later", { stages: [[configMap("later", "3")]] });
    await atc.idle();
    expect((await world.get(world.configMap("later")))["data"]).toEqual({ value: "3" });
  });

  it("is rendered also when the connections never tell that they are dead", async () => {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("frozen", "before");
    await world.instance("Backend", "frozen");
    await restart(proxy.kubeconfig);
    proxy.network.freeze();
    await world.secret("frozen", "after");
    await rolledTo("frozen", "after");
  });

  it.each([500, 429])("is rendered when the API server has answered %d for a while", async status => {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    const name = `refused-${status}`;
    await world.secret(name, "before");
    await world.instance("Backend", name);
    await restart(proxy.kubeconfig);
    // What is listed is not yet watched; a watch that is refused tells of no change.
    await eventually("all watches are open", async () => {
      expect(proxy.api.watches.size).toBe(await atc.metric("atc_watches"));
    });
    proxy.api.fail({ on: everything, count: Number.POSITIVE_INFINITY, act: { type: "answer", status } });
    await world.secret(name, "after");
    await eventually("a run fails", async () => expect(await rendered("failed")).toBeGreaterThan(0));
    expect((await atc.page("/healthz")).status).toBe(200);
    proxy.api.heal();
    await rolledTo(name, "after");
    await world.ready(world.instanceRef("Backend", name));
  });

  it("is rendered by a controller that was started while the API server refused", async () => {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("early", "before");
    await world.instance("Backend", "early");
    await atc.kill("SIGTERM");
    await world.secret("early", "after");
    proxy.api.fail({ on: everything, count: Number.POSITIVE_INFINITY, act: { type: "answer", status: 500 } });
    atc = new Atc({ kubeconfig: proxy.kubeconfig });
    await eventually("it waits", () => expect(atc.logs()).toContain("waiting for the API server"));
    expect((await atc.page("/readyz")).status).toBe(503);
    proxy.api.heal();
    await rolledTo("early", "after");
  });

  it("is rendered by a controller that got the first answers in halves, which once ended it", async () => {
    const proxy = await openProxy(direct);
    onTestFinished(() => proxy.close());
    await world.secret("halves", "before");
    await world.instance("Backend", "halves");
    await atc.kill("SIGTERM");
    await world.secret("halves", "after");
    proxy.api.fail({ on: everything, count: 12, act: { type: "truncate" } });
    atc = new Atc({ kubeconfig: proxy.kubeconfig });
    await rolledTo("halves", "after");
    expect(atc.logs()).toContain("waiting for the API server");
  });
});
