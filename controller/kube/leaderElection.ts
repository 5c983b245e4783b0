/**
 * Leader election: of all replicas that share a Lease, one leads.
 *
 * Promises, as long as the replicas' clocks run at about the same speed (what they show does not matter):
 * - No two replicas hold `isLeader()` true at a time. A leader stops counting as one when two thirds of the Lease's time
 *   have passed since it last *began* a renewal that succeeded; the others wait for the whole time.
 * - That is measured on a clock that goes on while the process or the machine sleeps, so a leader that was stopped for
 *   long knows it before its next write.
 * - A leader that could not renew leads again if nobody took the Lease meanwhile. If somebody did, it is over for good.
 * - `release` lets a standby go on at once: it watches the Lease.
 *
 * What is still on its way to the API server when the time is over is not called back; docs/decisions/0010 says why that
 * is harmless.
 */

import { pauseAfter } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { bootClock, type Clock, sleep } from "./clock.ts";
import { controllerName } from "./controllerName.ts";
import { timeoutError } from "./dispatch.ts";
import { isKubeError, kubeErrors } from "./errors.ts";
import {
  type Candidate,
  heldSpec,
  type LeaseSpec,
  leaseObject,
  mayAcquire,
  type Observation,
  observe,
  releasedSpec,
  specOf,
} from "./lease.ts";
import type { KubeObject } from "./object.ts";
import { createReflector } from "./reflector.ts";
import { leaseType } from "./resourceTypes.ts";

/** Whether this replica leads, for those who only ask. */
export interface Leadership {
  /** Whether this replica may write now. */
  isLeader(): boolean;
  /** Milliseconds until no other replica has to respect this one's Lease any more; 0 when this one does not lead. */
  timeLeftMs(): number;
  /** Resolves when this replica leads for the first time. */
  readonly elected: Promise<void>;
  /** Resolves with the other's identity when another replica leads in this one's place. */
  readonly lost: Promise<string>;
}

export interface LeaderElection extends Leadership {
  readonly identity: string;
  start(): void;
  /**
   * For a replica that stops and would like to clean up what only the last one may: releases the Lease and waits
   * whether another replica takes it. True: one did, and what is there is its business now. False: nobody did, and this
   * replica, which led, holds the Lease again; clean up, then `release`. A standby always gets true.
   */
  handOver(waitMs: number): Promise<boolean>;
  /** Ends the candidacy. A standby goes on at once. */
  release(): Promise<void>;
  state(): ElectionState;
}

interface ElectionState {
  /** Who holds the Lease, as far as this replica knows; empty: nobody. */
  readonly holder: string;
  /** Milliseconds since the Lease was last read or written. */
  readonly ageMs: number;
  /** Of the last attempt, if it failed. */
  readonly lastError: string | undefined;
}

/** Where the Lease is kept. Rejects with KUBE_CONFLICT, KUBE_ALREADY_EXISTS, KUBE_NOT_FOUND as a KubeClient does. */
export interface LeaseStore {
  read(signal: AbortSignal): Promise<KubeObject | undefined>;
  create(spec: LeaseSpec, signal: AbortSignal): Promise<KubeObject>;
  /** Merges `spec` into a Lease that still has this resourceVersion. */
  update(resourceVersion: string, spec: LeaseSpec, signal: AbortSignal): Promise<KubeObject>;
  /** Calls `released` when the Lease is, or is gone, until the returned function is called. */
  watch(released: () => void): () => Promise<void>;
}

export interface ElectionOptions extends Candidate {
  readonly store: LeaseStore;
  /** An attempt failed; the next one follows by itself. */
  readonly onError?: (error: unknown) => void;
  /** Has to count the time in which the machine sleeps. */
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Milliseconds since the epoch, for the times that people read. */
  readonly date?: () => number;
}

export function createLeaderElection(options: ElectionOptions): LeaderElection {
  return new Election(options);
}

/** Where no other replica can be. */
export function soleLeadership(): Leadership {
  return {
    isLeader: () => true,
    timeLeftMs: () => Number.POSITIVE_INFINITY,
    elected: Promise.resolve(),
    lost: new Promise(() => undefined),
  };
}

export function leaseStore(client: KubeClient, of: { namespace: string; name: string }): LeaseStore {
  const ref = { apiVersion: leaseType.apiVersion, kind: leaseType.kind, ...of };
  const fieldManager = controllerName;
  return {
    read: signal => client.get(ref, { signal }),
    create: (spec, signal) => client.create(leaseObject(of, spec), { fieldManager, signal }),
    update: (resourceVersion, spec, signal) =>
      client.patch(ref, { metadata: { resourceVersion }, spec }, { type: "merge", fieldManager, signal }),
    watch: released => {
      const look = (lease: KubeObject) => {
        if ((specOf(lease).holderIdentity ?? "") === "") released();
      };
      const listed = (present: ReadonlySet<string>) => {
        if (present.size === 0) released();
      };
      const handler = { upsert: look, listed, delete: () => released() };
      const reflector = createReflector({ client, type: leaseType, ...of, handler });
      reflector.start();
      return () => reflector.stop();
    },
  };
}

/** Of the Lease's time: for how long a renewal counts, and how long until the next one. As client-go's 10 s and 2 s of 15 s. */
const countsFor = 2 / 3;
const renewAfter = 2 / 15;
/** Standbys ask no more often than this, and leaders renew no less often than they have to. */
const longestPauseMs = 2_000;
const longestAttemptMs = 5_000;

class Election implements LeaderElection {
  readonly identity: string;
  readonly elected: Promise<void>;
  readonly lost: Promise<string>;
  readonly #options: ElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #date: () => number;
  readonly #elected = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<string>();
  #ended = false;
  /** Ends the pause before the next attempt. */
  #wake = new AbortController();
  #loop: Promise<void> | undefined;
  #unwatch: (() => Promise<void>) | undefined;
  /** The Lease as last read or written. */
  #lease: KubeObject | undefined;
  #seen: Observation | undefined;
  #lookedAt: number;
  /** When the last renewal that succeeded began; undefined while this replica does not hold the Lease. */
  #renewedAt: number | undefined;
  #failures = 0;
  #lastError: string | undefined;

  constructor(options: ElectionOptions) {
    this.identity = options.identity;
    this.#options = options;
    this.#clock = options.clock ?? bootClock;
    this.#random = options.random ?? Math.random;
    this.#date = options.date ?? Date.now;
    this.#lookedAt = this.#clock.now();
    this.elected = this.#elected.promise;
    this.lost = this.#lost.promise;
  }

  start(): void {
    this.#unwatch ??= this.#options.store.watch(() => this.#wake.abort());
    this.#loop ??= this.#run();
  }

  isLeader(): boolean {
    return this.#renewedAt !== undefined && this.#clock.now() - this.#renewedAt < this.#options.durationMs * countsFor;
  }

  timeLeftMs(): number {
    return this.isLeader() ? (this.#renewedAt ?? 0) + this.#options.durationMs - this.#clock.now() : 0;
  }

  state(): ElectionState {
    return {
      holder: this.#seen?.holder ?? "",
      ageMs: this.#clock.now() - this.#lookedAt,
      lastError: this.#lastError,
    };
  }

  async handOver(waitMs: number): Promise<boolean> {
    if (this.#renewedAt === undefined) return true;
    await this.release();
    const until = this.#clock.now() + waitMs;
    do {
      await sleep(this.#clock, Math.min(waitMs, 100));
      const holder = await this.#bounded(signal => this.#look(signal)).catch(() => "");
      if (holder !== "" && holder !== this.identity) return true;
    } while (this.#clock.now() < until);
    const alone = await this.#bounded(signal => this.#acquire(signal)).catch(() => false);
    return !alone;
  }

  async release(): Promise<void> {
    this.#end();
    await Promise.all([this.#loop, this.#unwatch?.()]);
    if (this.#renewedAt === undefined) return;
    // First, so that nothing is written by this replica once another one may.
    this.#renewedAt = undefined;
    try {
      await this.#bounded(signal => this.#giveUp(signal));
    } catch (error) {
      // It runs out by itself.
      this.#options.onError?.(error);
    }
  }

  async #giveUp(signal: AbortSignal): Promise<void> {
    const update = async () => {
      const resourceVersion = this.#lease?.metadata.resourceVersion ?? "";
      this.#take(await this.#options.store.update(resourceVersion, releasedSpec(this.#date()), signal));
    };
    try {
      await update();
    } catch (error) {
      if (!isKubeError(error, "KUBE_CONFLICT")) throw error;
      if ((await this.#look(signal)) === this.identity) await update();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      this.#wake = new AbortController();
      const pause = await this.#round();
      if (!this.#ended) await sleep(this.#clock, pause, this.#wake.signal).catch(() => undefined);
    }
  }

  /** One attempt to lead or to go on leading. Returns how long to wait for the next. */
  async #round(): Promise<number> {
    const usual = Math.min(longestPauseMs, this.#options.durationMs * renewAfter);
    try {
      const held = this.#renewedAt !== undefined;
      await this.#bounded<unknown>(signal => (held ? this.#renew(signal) : this.#acquire(signal)));
      this.#failures = 0;
      this.#lastError = undefined;
      // Two standbys that always ask at the same moment would always get in each other's way.
      return usual * (0.9 + 0.2 * this.#random());
    } catch (error) {
      this.#failures++;
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#options.onError?.(error);
      return pauseAfter(this.#failures, { baseMs: usual / 4, maxMs: usual, jitter: 0.2 }, this.#random());
    }
  }

  /** True when this replica holds the Lease afterwards. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    await this.#look(signal);
    const now = this.#clock.now();
    if (this.#seen === undefined || !mayAcquire(this.#seen, this.#options, now)) return false;
    try {
      await this.#write(now, signal);
    } catch (error) {
      // Another one was faster.
      if (isKubeError(error, "KUBE_CONFLICT", "KUBE_ALREADY_EXISTS", "KUBE_NOT_FOUND")) return false;
      throw error;
    }
    void this.#unwatch?.();
    this.#elected.resolve();
    return true;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    try {
      await this.#write(now, signal);
    } catch (error) {
      if (!isKubeError(error, "KUBE_CONFLICT", "KUBE_ALREADY_EXISTS", "KUBE_NOT_FOUND")) throw error;
      // Somebody touched it, or the answer to an earlier renewal was lost.
      const holder = await this.#look(signal);
      // One that was deleted is made again, unless others may have used the time.
      const still = this.#lease === undefined ? this.isLeader() : holder === this.identity;
      if (still) return this.#renew(signal);
      this.#renewedAt = undefined;
      this.#end();
      this.#lost.resolve(holder);
    }
  }

  /** `began`: when this attempt did, which is what the renewal counts from. */
  async #write(began: number, signal: AbortSignal): Promise<void> {
    const spec = heldSpec(this.#lease, this.#options, this.#date());
    const { store } = this.#options;
    const lease = this.#lease;
    const { resourceVersion = "" } = lease?.metadata ?? {};
    this.#take(await (lease === undefined ? store.create(spec, signal) : store.update(resourceVersion, spec, signal)));
    this.#renewedAt = began;
  }

  /** Who holds the Lease. */
  async #look(signal: AbortSignal): Promise<string> {
    this.#take(await this.#options.store.read(signal));
    return this.#lease === undefined ? "" : (this.#seen?.holder ?? "");
  }

  #take(lease: KubeObject | undefined): void {
    this.#lease = lease;
    this.#lookedAt = this.#clock.now();
    this.#seen = observe(this.#seen, lease, this.#lookedAt);
  }

  /** An attempt without an answer leaves time for another one, which goes over other connections. */
  async #bounded<Result>(attempt: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const timeout = new AbortController();
    const limitMs = Math.min(longestAttemptMs, (this.#options.durationMs * countsFor) / 2);
    const cancel = this.#clock.schedule(limitMs, () => {
      const what = `an attempt of ${limitMs / 1000} s to renew the Lease`;
      timeout.abort(kubeErrors.KUBE_STOPPED({ what }, timeoutError(what)));
    });
    try {
      return await attempt(timeout.signal);
    } finally {
      cancel();
    }
  }
}
