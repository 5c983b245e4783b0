/** The controller under test: one process, or several that share a Lease, whichever they are just now. */
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../controller/kube/client.ts";
import type { ObjectRef } from "../../controller/kube/object.ts";
import { Atc, type AtcOptions } from "../e2e/support/atc.ts";
import { eventually } from "../e2e/support/eventually.ts";

/** With this status a leader ends that lost its Lease, to be started again. */
const lostLeadership = 75;

/**
 * The proxies hold writes back for up to 2.5 s; a write of a former leader is to be late by less than the third of the Lease
 * that is kept for what is on its way (docs/decisions/0010-leader-election.md).
 */
const lease = { LEADER_ELECT: "true", LEASE_NAME: "atc-chaos", LEASE_NAMESPACE: "default", LEASE_DURATION: "12s" };
const leaseRef: ObjectRef = {
  ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
  ...{ namespace: lease.LEASE_NAMESPACE, name: lease.LEASE_NAME },
};

export class Controller {
  readonly #replicas: readonly Replica[];
  readonly #crash = Promise.withResolvers<never>();

  private constructor(options: readonly AtcOptions[]) {
    const crashed = (status: number | null) =>
      this.#crash.reject(new Error(`the controller ended by itself, with status ${status}`));
    this.#crash.promise.catch(() => undefined);
    this.#replicas = options.map(own => new Replica(own, crashed));
  }

  /** @param kubeconfigs of each replica its own */
  static async start(kubeconfigs: readonly string[]): Promise<Controller> {
    const env = kubeconfigs.length > 1 ? lease : {};
    const controller = new Controller(kubeconfigs.map(kubeconfig => ({ kubeconfig, env })));
    await Promise.all(controller.#replicas.map(replica => replica.start()));
    return controller;
  }

  /** Of all processes so far, that of the first one included. */
  get starts(): number {
    return this.#replicas.reduce((sum, { starts }) => sum + starts, 0);
  }

  /** What it wrote about these objects, and at last: for who looks for the cause of a failure. */
  log(names: readonly string[]): string {
    return this.#replicas.map(replica => replica.log(names)).join("\n=== another replica\n");
  }

  /** What it counts, where it can still be asked. */
  async counts(): Promise<string> {
    return (await Promise.all(this.#replicas.map(replica => replica.counts()))).join("\n=== another replica\n");
  }

  /** Ends the one that leads, and starts it again. */
  async replace(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await (await this.#leader()).replace(signal);
  }

  /** Stops the one that leads for a while; among several this may be long enough to lose the Lease. */
  async pause(ms: number): Promise<void> {
    await (await this.#leader()).pause(this.#replicas.length > 1 ? ms * 6 : ms);
  }

  /** Rejects when a process ends by itself, which it never may but for a lost Lease. */
  crash(): Promise<never> {
    return this.#crash.promise;
  }

  /** So far, of all processes. */
  async renders(): Promise<number> {
    const renders = await Promise.all(this.#replicas.map(replica => replica.renders()));
    return renders.reduce((sum, own) => sum + own, 0);
  }

  /** Resolves when one leads, and none has anything to do. */
  async idle(): Promise<void> {
    await eventually("a replica leads, and none has anything to do", async () => {
      await Promise.all(this.#replicas.map(replica => replica.requireIdle()));
      if ((await this.#leading()) === undefined) throw new Error("nobody leads");
    });
  }

  /** How often another replica than before began to lead. */
  async takeOvers(client: KubeClient): Promise<number> {
    const spec = (await client.get(leaseRef))?.["spec"];
    return (spec as { leaseTransitions?: number } | undefined)?.leaseTransitions ?? 0;
  }

  /** Takes the Lease along. */
  async end(client: KubeClient): Promise<void> {
    await Promise.all(this.#replicas.map(replica => replica.end()));
    if (this.#replicas.length > 1) await client.delete(leaseRef);
  }

  async #leading(): Promise<Replica | undefined> {
    const leads = await Promise.all(this.#replicas.map(replica => replica.leads().catch(() => false)));
    return this.#replicas.find((_, index) => leads[index]);
  }

  /** Between two leaders any one. */
  async #leader(): Promise<Replica> {
    const replica = (await this.#leading()) ?? this.#replicas[0];
    if (replica === undefined) throw new Error("there is no replica");
    return replica;
  }
}

class Replica {
  readonly #options: AtcOptions;
  readonly #crashed: (status: number | null) => void;
  #atc: Atc;
  /** Renders of processes that are gone, as far as they could be asked. */
  #rendersBefore = 0;
  #renders = 0;
  #log = "";
  /** Whose end nobody asked for. */
  #watched: Atc | undefined;
  starts = 1;

  constructor(options: AtcOptions, crashed: (status: number | null) => void) {
    this.#options = options;
    this.#crashed = crashed;
    this.#atc = this.#begin();
  }

  start(): Promise<void> {
    return this.#atc.ready();
  }

  log(names: readonly string[]): string {
    const lines = `${this.#log}\n${this.#atc.logs()}`.split("\n");
    const about = lines.filter(line => names.some(name => line.includes(name)));
    return [...about.slice(-40), "…", ...lines.slice(-20)].join("\n");
  }

  async counts(): Promise<string> {
    const { body } = await this.#atc.page("/metrics").catch(() => ({ body: "it does not answer" }));
    return body
      .split("\n")
      .filter(line => /^atc_(leader|queue_depth|workers|watch_age|reconcile)/.test(line))
      .join("\n");
  }

  async replace(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.renders();
    this.#watched = undefined;
    await this.#atc.kill(signal);
    this.#next();
  }

  async pause(ms: number): Promise<void> {
    const atc = this.#atc;
    atc.signal("SIGSTOP");
    await delay(ms);
    atc.signal("SIGCONT");
  }

  async renders(): Promise<number> {
    const rendered = await this.#atc.metric("atc_renders_total", { result: "rendered" }).catch(() => this.#renders);
    this.#renders = Math.max(this.#renders, rendered);
    return this.#rendersBefore + this.#renders;
  }

  requireIdle(): Promise<void> {
    return this.#atc.requireIdle();
  }

  async leads(): Promise<boolean> {
    return (await this.#atc.metric("atc_leader")) === 1;
  }

  async end(): Promise<void> {
    this.#watched = undefined;
    await this.#atc.kill("SIGTERM");
  }

  #begin(): Atc {
    const atc = new Atc(this.#options);
    this.#watched = atc;
    void atc.ended().then(status => {
      if (this.#watched !== atc) return;
      if (status === lostLeadership && this.#options.env?.["LEADER_ELECT"] !== undefined) this.#next();
      else this.#crashed(status);
    });
    return atc;
  }

  #next(): void {
    this.#rendersBefore += this.#renders;
    this.#renders = 0;
    this.#log = `${this.#log}\n${this.#atc.logs()}`.split("\n").slice(-2_000).join("\n");
    this.starts++;
    this.#atc = this.#begin();
  }
}
