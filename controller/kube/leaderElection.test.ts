import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import type { Clock } from "./clock.ts";
import { KubeError, type KubeErrorCode } from "./errors.ts";
import { createLeaderElection, type LeaderElection, type LeaseStore, leaseStore } from "./leaderElection.ts";
import { type LeaseSpec, leaseObject, specOf } from "./lease.ts";
import type { KubeObject } from "./object.ts";
import { FakeApiServer } from "./testing/fakeApiServer.ts";
import { ManualClock } from "./testing/manualClock.ts";

const durationMs = 15_000;
const ref = { namespace: "atc", name: "atc" };

/** The time of one process, which can be stopped: its date is its own, and nothing of it moves while it is stopped. */
class ProcessClock implements Clock {
  readonly #base: ManualClock;
  readonly #skewMs: number;
  #stopped = false;
  #overdue: (() => void)[] = [];

  constructor(base: ManualClock, skewMs: number) {
    this.#base = base;
    this.#skewMs = skewMs;
  }

  now(): number {
    return this.#base.now() + this.#skewMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    const due = () => {
      if (cancelled) return;
      if (this.#stopped) this.#overdue.push(due);
      else callback();
    };
    const cancel = this.#base.schedule(delayMs, due);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  goOn(): void {
    this.#stopped = false;
    const overdue = this.#overdue;
    this.#overdue = [];
    for (const due of overdue) due();
  }
}

/** What becomes of one request: how long it takes there and back, or where it is lost. */
interface Fate {
  readonly thereMs: number;
  readonly backMs: number;
  readonly lost: "no" | "request" | "answer";
}

const swift: Fate = { thereMs: 1, backMs: 1, lost: "no" };

/** The Lease in the API server, with optimistic locking; each candidate has its own way to it. */
class Cluster {
  readonly clock = new ManualClock();
  lease: KubeObject | undefined;
  #version = 0;
  readonly #watchers = new Set<() => void>();
  fate: () => Fate = () => swift;

  candidate(name: string, { skewMs = 0, succeedsItself = false, durationMs: own = durationMs } = {}): Process {
    const clock = new ProcessClock(this.clock, skewMs);
    const election = createLeaderElection({
      identity: name.includes("_") ? name : `${name}_1`,
      succeedsItself,
      durationMs: own,
      store: this.#store(clock),
      clock,
      random: () => 0.5,
      date: () => clock.now(),
    });
    let lost = false;
    void election.lost.then(() => {
      lost = true;
    });
    return { election, clock, lost: () => lost };
  }

  /** Lets time pass in small steps, and everything that follows from each happen. */
  async advance(ms: number, check: () => void = () => {}): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left));
      await settle();
      check();
    }
  }

  remove(): void {
    this.lease = undefined;
    for (const released of this.#watchers) released();
  }

  touch(): void {
    if (this.lease !== undefined) this.#set(specOf(this.lease));
  }

  #set(spec: LeaseSpec): KubeObject {
    const lease = leaseObject(ref, spec);
    lease.metadata.resourceVersion = String(++this.#version);
    this.lease = lease;
    if ((spec.holderIdentity ?? "") === "") for (const released of this.#watchers) released();
    return structuredClone(lease);
  }

  #store(clock: ProcessClock): LeaseStore {
    const send = <Result>(signal: AbortSignal, act: () => Result): Promise<Result> =>
      new Promise((resolve, reject) => {
        const { thereMs, backMs, lost } = this.fate();
        signal.addEventListener("abort", () => reject(signal.reason));
        if (lost === "request") return;
        // Sent is sent: a process that stops does not call it back.
        this.clock.schedule(thereMs, () => {
          const outcome = attempt(act);
          if (lost === "answer") return;
          clock.schedule(backMs, () => ("error" in outcome ? reject(outcome.error) : resolve(outcome.result)));
        });
      });
    return {
      read: signal => send(signal, () => structuredClone(this.lease)),
      create: (spec, signal) =>
        send(signal, () => {
          if (this.lease !== undefined) throw refusal("KUBE_ALREADY_EXISTS");
          return this.#set(spec);
        }),
      update: (resourceVersion, spec, signal) =>
        send(signal, () => {
          if (this.lease === undefined) throw refusal("KUBE_NOT_FOUND");
          if (this.lease.metadata.resourceVersion !== resourceVersion) throw refusal("KUBE_CONFLICT");
          return this.#set({ ...specOf(this.lease), ...spec });
        }),
      watch: released => {
        const told = () => void clock.schedule(1, released);
        this.#watchers.add(told);
        return async () => void this.#watchers.delete(told);
      },
    };
  }
}

interface Process {
  readonly election: LeaderElection;
  readonly clock: ProcessClock;
  lost(): boolean;
}

function attempt<Result>(act: () => Result): { result: Result } | { error: unknown } {
  try {
    return { result: act() };
  } catch (error) {
    return { error };
  }
}

function refusal(code: Extract<KubeErrorCode, "KUBE_ALREADY_EXISTS" | "KUBE_NOT_FOUND" | "KUBE_CONFLICT">): KubeError {
  return new KubeError(code, { method: "", path: "", status: 409, reason: "", causes: [], detail: "" });
}

function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

function leaders(processes: readonly Process[]): string[] {
  return processes.filter(({ election }) => election.isLeader()).map(({ election }) => election.identity);
}

test("an attempt that was not answered in time is followed by one on another connection", async () => {
  const server = await FakeApiServer.start();
  server.answer = request => {
    const isDiscovery = request.path === "/apis/coordination.k8s.io/v1";
    if (isDiscovery) request.json(200, { resources: [{ name: "leases", kind: "Lease", namespaced: true }] });
    return isDiscovery;
  };
  const clock = new ManualClock({ skipUpToMs: 2_500 });
  const client = createClient(server.config, { h2c: true, clock });
  const store: LeaseStore = { ...leaseStore(client, ref), watch: () => async () => {} };
  const election = createLeaderElection({ identity: "a_1", succeedsItself: false, durationMs, store, clock });
  election.start();
  const first = await server.next();
  clock.advance(5_000);
  const second = await server.next();
  expect([second.method, second.path]).toEqual([first.method, first.path]);
  expect(second.connection).not.toBe(first.connection);
  const released = election.release();
  clock.advance(5_000);
  await released;
  await client.transport.close();
  await server.kill();
});

describe("an election", () => {
  test("has one winner, who stays", async () => {
    const cluster = new Cluster();
    const processes = [cluster.candidate("a"), cluster.candidate("b"), cluster.candidate("c")];
    for (const { election } of processes) election.start();
    await cluster.advance(1_000);
    const [first] = leaders(processes);
    await cluster.advance(120_000, () => expect(leaders(processes)).toEqual([first]));
    expect(specOf(cluster.lease as KubeObject).leaseTransitions).toBe(0);
  });

  test("is won by a standby when the leader is gone for the Lease's time, and not before", async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.candidate("a"), cluster.candidate("b", { skewMs: 86_400_000 })];
    a.election.start();
    await cluster.advance(3_000);
    b.election.start();
    await cluster.advance(1_000);
    a.clock.stop();
    await cluster.advance(12_000, () => expect(b.election.isLeader()).toBe(false));
    await cluster.advance(6_000);
    expect(b.election.isLeader()).toBe(true);
    expect(a.election.isLeader()).toBe(false);
    a.clock.goOn();
    await cluster.advance(3_000);
    expect([a.lost(), a.election.isLeader(), b.election.isLeader()]).toEqual([true, false, true]);
    expect(await a.election.lost).toBe("b_1");
  });

  test("goes on at once when the leader releases, although the Lease would last an hour", async () => {
    const cluster = new Cluster();
    const hour = { durationMs: 3_600_000 };
    const [a, b] = [cluster.candidate("a", hour), cluster.candidate("b", hour)];
    a.election.start();
    await cluster.advance(1_000);
    b.election.start();
    await cluster.advance(1_000);
    const released = a.election.release();
    await cluster.advance(1_000, () => expect(leaders([a, b]).length).toBeLessThan(2));
    await released;
    expect(leaders([a, b])).toEqual(["b_1"]);
  });

  test("tells a leader that stops whether another one takes over", async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.candidate("a"), cluster.candidate("b")];
    a.election.start();
    await cluster.advance(1_000);
    b.election.start();
    await cluster.advance(1_000);
    const taken = a.election.handOver(2_000);
    await cluster.advance(3_000);
    expect(await taken).toBe(true);
    const alone = b.election.handOver(2_000);
    await cluster.advance(3_000);
    expect(await alone).toBe(false);
    expect(b.election.isLeader()).toBe(true);
    void b.election.release();
    await cluster.advance(1_000);
    expect(specOf(cluster.lease as KubeObject).holderIdentity).toBeNull();
  });

  test("is won by a replica's next process at once where it has a name of its own", async () => {
    const cluster = new Cluster();
    const former = cluster.candidate("a_1");
    former.election.start();
    await cluster.advance(1_000);
    former.clock.stop();
    const next = cluster.candidate("a_2", { succeedsItself: true });
    next.election.start();
    await cluster.advance(1_000);
    expect(next.election.isLeader()).toBe(true);
  });
});

describe("a leader", () => {
  test("that cannot renew stops counting in time, and counts again when nobody took the Lease", async () => {
    const cluster = new Cluster();
    const a = cluster.candidate("a");
    a.election.start();
    await cluster.advance(1_000);
    cluster.fate = () => ({ ...swift, lost: "request" });
    await cluster.advance(13_000);
    expect([a.election.isLeader(), a.election.timeLeftMs()]).toEqual([false, 0]);
    expect(a.election.state().lastError).toContain("was stopped");
    cluster.fate = () => swift;
    await cluster.advance(8_000);
    expect([a.election.isLeader(), a.lost(), a.election.state().lastError]).toEqual([true, false, undefined]);
  });

  test("survives a lost answer and a foreign touch", async () => {
    const cluster = new Cluster();
    const a = cluster.candidate("a");
    a.election.start();
    await cluster.advance(1_000);
    cluster.touch();
    cluster.fate = () => ({ ...swift, lost: "answer" });
    await cluster.advance(6_000);
    cluster.fate = () => swift;
    await cluster.advance(6_000);
    expect([a.election.isLeader(), a.lost()]).toEqual([true, false]);
  });

  test("makes its Lease again when somebody deletes it, and nobody else does", async () => {
    const cluster = new Cluster();
    const [a, b] = [cluster.candidate("a"), cluster.candidate("b")];
    a.election.start();
    await cluster.advance(3_000);
    b.election.start();
    await cluster.advance(3_000);
    cluster.remove();
    await cluster.advance(30_000, () => expect(leaders([a, b])).toEqual(["a_1"]));
  });
});

type Act =
  | { readonly act: "stop" | "goOn" | "release" | "touch"; readonly who: number }
  | { readonly act: "fate"; readonly fate: Fate };

/** Mostly of a size that changes who comes first, sometimes longer than an attempt may take. */
const delays = fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 8_000 }));
const fates = fc.record({
  thereMs: delays,
  backMs: delays,
  lost: fc.constantFrom("no" as const, "no" as const, "request" as const, "answer" as const),
});
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constantFrom("stop" as const, "goOn" as const, "touch" as const), who: fc.nat(2) }),
  fc.record({ act: fc.constantFrom("release" as const, "goOn" as const, "goOn" as const), who: fc.nat(1) }),
  fc.record({ act: fc.constant("fate" as const), fate: fates }),
);
const pauses = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 20_000 }));
const steps = fc.array(fc.tuple(acts, pauses), { minLength: 5, maxLength: 30 });

test("whatever is stopped, late or lost, no two lead at a time, and in the end one does", async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(fc.integer({ min: -1e7, max: 1e7 }), { minLength: 3, maxLength: 3 }),
      async (plan, skews) => {
        const cluster = new Cluster();
        const processes = skews.map((skewMs, index) => cluster.candidate(`abc`[index] ?? "", { skewMs }));
        const check = () => expect(leaders(processes).length).toBeLessThan(2);
        for (const { election } of processes) election.start();
        for (const [act, thenMs] of plan) {
          if (act.act === "fate") cluster.fate = () => act.fate;
          else if (act.act === "touch") cluster.touch();
          else if (act.act === "release") void processes[act.who]?.election.release();
          else if (act.act === "stop") processes[act.who]?.clock.stop();
          else if (act.act === "goOn") processes[act.who]?.clock.goOn();
          await cluster.advance(thenMs, check);
        }
        cluster.fate = () => swift;
        for (const { clock } of processes) clock.goOn();
        // A process that lost is started again by whoever looks after it.
        const successor = cluster.candidate("d");
        successor.election.start();
        await cluster.advance(60_000, () => expect(leaders([...processes, successor]).length).toBeLessThan(2));
        expect(leaders([...processes, successor])).toHaveLength(1);
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);
