/**
 * More than one replica: one leads, the others stand by with their watches open. Whatever happens to the leader, the
 * work goes on, nothing is done twice, and nothing goes back in time.
 */
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, hashOf } from "./support/flights.ts";
import { openProxy } from "./support/proxy.ts";
import { hashOn, World } from "./support/world.ts";

const kubeconfig = inject("kubeconfig");
const world = new World(kubeconfig, "leader");
const names = Array.from({ length: 10 }, (_, index) => `backend-${index}`);
const hashFor = (value: string) => hashOf({ hello: Buffer.from(value).toString("base64") });

/** Long enough for a leader to renew it on a busy machine; short enough to wait for its end. */
const expiring = "8s";
/** Nothing of such a test waits for the end of the Lease. */
const lasting = "1h";

const lease = (name: string) => world.ref("coordination.k8s.io/v1", "Lease", name);

/** A replica of those that share this Lease. It is gone when the test is over. */
async function replica(leaseName: string, { duration = expiring, through = kubeconfig, id = "" } = {}): Promise<Atc> {
  const LEASE = { LEASE_NAME: leaseName, LEASE_NAMESPACE: world.namespace, LEASE_DURATION: duration };
  const atc = await startAtc({ kubeconfig: through, env: { LEADER_ELECT: "true", LEADER_ID: id, ...LEASE } });
  onTestFinished(() => {
    // One that a failed test left stopped would not end.
    atc.signal("SIGCONT");
    return atc.kill("SIGTERM");
  });
  return atc;
}

/** One that leads, and one that stands by and knows all instances. */
async function pair(leaseName: string, { duration = expiring, through = kubeconfig } = {}) {
  const leader = await replica(leaseName, { duration, through });
  await leads(leader);
  await leader.settled();
  const standby = await replica(leaseName, { duration });
  await eventually("the standby knows all instances", async () => {
    expect(await standby.metric("atc_instances")).toBe(names.length);
  });
  return { leader, standby };
}

function leads(atc: Atc): Promise<void> {
  return eventually("it leads", async () => expect(await atc.metric("atc_leader")).toBe(1));
}

function rolledTo(name: string, value: string): Promise<void> {
  return eventually(`Deployment ${name} has the hash of ${value}`, async () => {
    expect(hashOn(await world.get(world.deployment(name)))).toBe(hashFor(value));
  });
}

const rendered = (atc: Atc) => atc.metric("atc_renders_total", { result: "rendered" });

/** The Events about rolls that the instance's Secret caused. */
async function rolls(name: string): Promise<string[]> {
  return (await world.events(name)).filter(note => note.startsWith("Applied") && note.includes("Secret"));
}

async function applied(atc: Atc): Promise<number> {
  const results = ["created", "updated", "deleted", "unchanged", "conflict"];
  const counts = await Promise.all(results.map(result => atc.metric("atc_applies_total", { result })));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function writes(atc: Atc): Promise<number> {
  const verbs = ["POST", "PUT", "PATCH", "DELETE"];
  const counts = await Promise.all(verbs.map(verb => atc.metric("atc_api_requests_total", { verb })));
  return counts.reduce((sum, count) => sum + count, 0);
}

beforeAll(async () => {
  const atc = await startAtc({ kubeconfig });
  await world.open();
  await world.airway({ kind: "Backend", flight: backend, spec: { timeout: "-1s" } });
  for (const name of names) await world.secret(name, "start");
  await Promise.all(names.map(name => world.instance("Backend", name)));
  await atc.kill("SIGTERM");
});

afterAll(async () => {
  const atc = await startAtc({ kubeconfig });
  await world.close().finally(() => atc.kill("SIGTERM"));
});

describe("of two replicas", () => {
  it("one leads; both are ready, say their role and watch, and the other writes nothing", async () => {
    const { leader, standby } = await pair("roles", { duration: lasting });
    expect((await leader.page("/readyz")).body).toContain("[+]leader ok: this replica leads");
    expect(await standby.page("/readyz")).toMatchObject({
      status: 200,
      body: expect.stringContaining("[+]leader ok: standing by while"),
    });
    await world.secret("backend-0", "roles");
    await rolledTo("backend-0", "roles");
    await leader.idle();
    expect([await rendered(leader), await applied(leader)]).toEqual([1, 1]);
    expect([await rendered(standby), await applied(standby), await writes(standby)]).toEqual([0, 0, 0]);
    await eventually("both watch the same", async () =>
      expect(await standby.metric("atc_watched_objects")).toBe(await leader.metric("atc_watched_objects")),
    );
  });

  it("the standby goes on when the leader is killed, and does only what is left to do", async () => {
    const { leader, standby } = await pair("killed");
    await world.secret("backend-1", "before");
    await rolledTo("backend-1", "before");
    await eventually("the roll was told", async () => expect(await rolls("backend-1")).toHaveLength(1));
    // What it had not kept would be rendered by its successor, before or with the next change.
    await leader.kept();
    const { generation = 0 } = (await world.get(world.deployment("backend-1"))).metadata;
    await leader.kill("SIGKILL");
    await world.secret("backend-1", "after");
    await leads(standby);
    await rolledTo("backend-1", "after");
    await standby.settled();
    expect([await rendered(standby), await applied(standby)]).toEqual([1, 1]);
    expect((await world.get(world.deployment("backend-1"))).metadata.generation).toBe(generation + 1);
    await eventually("the other roll was told", async () => expect(await rolls("backend-1")).toHaveLength(2));
  });

  it("the standby goes on at once when the leader stops in order, although the Lease would last an hour", async () => {
    const { leader, standby } = await pair("stopped", { duration: lasting });
    const before = await writes(standby);
    await leader.kill("SIGTERM");
    await leads(standby);
    await standby.settled();
    expect([before, await rendered(standby), await applied(standby)]).toEqual([0, 0, 0]);
    await world.secret("backend-2", "stopped");
    await rolledTo("backend-2", "stopped");
    const { spec } = await world.get(lease("stopped"));
    expect(spec).toMatchObject({ leaseDurationSeconds: 3600, leaseTransitions: 1 });
  });

  it("a leader that slept past its Lease writes nothing more, and ends", async () => {
    const { leader, standby } = await pair("slept");
    await world.applyInstance("Backend", "backend-3", { slow: 20_000_000 });
    await world.ready(world.instanceRef("Backend", "backend-3"));
    await leader.idle();
    await world.secret("backend-3", "older");
    await eventually("the flight runs", async () => expect(await leader.metric("atc_sandbox_busy")).toBe(1));
    leader.signal("SIGSTOP");
    await world.secret("backend-3", "newer");
    await leads(standby);
    await rolledTo("backend-3", "newer");
    await standby.idle();
    const rolled = await world.get(world.deployment("backend-3"));
    leader.signal("SIGCONT");
    expect(await leader.ended()).toBe(75);
    expect(leader.logs()).toMatch(/"fencedWrites":[1-9]/);
    const after = await world.get(world.deployment("backend-3"));
    expect([after.metadata.generation, hashOn(after)]).toEqual([rolled.metadata.generation, hashFor("newer")]);
    await world.ready(world.instanceRef("Backend", "backend-3"));
  });

  it("a write of the former leader that arrives late is refused when the new one has written", async () => {
    const proxy = await openProxy(kubeconfig);
    onTestFinished(() => proxy.close());
    const { leader, standby } = await pair("late", { through: proxy.kubeconfig });
    const path = `/apis/apps/v1/namespaces/${world.namespace}/deployments/backend-5`;
    const held = proxy.api.holdBack("PATCH", path);
    await world.secret("backend-5", "older");
    await held.caught;
    leader.signal("SIGSTOP");
    await world.secret("backend-5", "newer");
    await leads(standby);
    await rolledTo("backend-5", "newer");
    expect(await held.deliver()).toBe(409);
    expect(hashOn(await world.get(world.deployment("backend-5")))).toBe(hashFor("newer"));
    leader.signal("SIGCONT");
    expect(await leader.ended()).toBe(75);
  });

  it("a replica with a name goes on after its own end at once, although the Lease would last an hour", async () => {
    const killed = await replica("named", { duration: lasting, id: "atc-0" });
    await leads(killed);
    await killed.kill("SIGKILL");
    await leads(await replica("named", { duration: lasting, id: "atc-0" }));
  });

  it("the one that lost stands by after its next start, and leads again in its turn", async () => {
    const { leader, standby } = await pair("turns");
    leader.signal("SIGSTOP");
    await leads(standby);
    leader.signal("SIGCONT");
    await leader.ended();
    const next = await replica("turns");
    expect(await next.metric("atc_leader")).toBe(0);
    await standby.kill("SIGTERM");
    await leads(next);
    await world.secret("backend-4", "turns");
    await rolledTo("backend-4", "turns");
  });
});
