/**
 * A work queue of keys.
 *
 * Promises:
 * - A key runs serially. However often it is added while it runs, one run follows that has seen the last add.
 * - A run that fails is repeated after a growing pause. An add meanwhile brings the next run forward, to no less than
 *   `baseDelayMs` after the failure (a `high` one to now): what heals is seen soon, and what fails cannot spin.
 * - `high` goes before `normal` before `low`, first come first served within each; every tenth start takes whoever
 *   waits longest, so nobody starves.
 */
import { pauseAfter } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";

export type Priority = "high" | "normal" | "low";

export interface RunContext {
  /** Aborts when a stop does not want to wait any longer. */
  signal: AbortSignal;
  /** Failed runs in a row before this one. */
  failures: number;
  /** From ready to started. */
  waitedMs: number;
}

/** What a run that did not throw asks for. */
export interface Outcome {
  /** Run again after this time, unless something else asks for it before. */
  readonly requeueAfterMs?: number;
}

export interface QueueOptions {
  concurrency: number;
  /** A rejection is a failure: it counts, and the key runs again after a pause. */
  process(key: string, context: RunContext): Promise<Outcome>;
  /** Pause after the first failure; doubles up to `maxDelayMs`, which may depend on the failure; ±10 %. */
  baseDelayMs: number;
  maxDelayMs: number | ((error: unknown) => number);
  clock?: Clock;
  random?: () => number;
}

export interface AddOptions {
  /** Default `normal`. The highest of what is asked for a key counts. */
  priority?: Priority;
  /** Earliest wins: a later add without delay runs at once. */
  afterMs?: number;
}

export interface QueueStats {
  /** Ready and waiting for a worker. */
  queued: number;
  /** To run later: back-off, `afterMs`. */
  delayed: number;
  running: number;
  /** Keys whose last run failed. */
  failing: number;
  /** Of the key that waits longest for a worker. */
  oldestWaitMs: number;
}

export interface WorkQueue {
  add(key: string, options?: AddOptions): void;
  /** Failed runs in a row. */
  failures(key: string): number;
  /** Goes on counting where an earlier process stopped: the next failure of a key that waits or runs pauses accordingly. */
  resume(key: string, failures: number): void;
  /** Resolves when nothing runs and nothing is ready; delayed keys may remain. */
  idle(): Promise<void>;
  stats(): QueueStats;
  /** Whether a key of more than low priority waits for a worker: what can wait should. */
  pressed(): boolean;
  /** Starts nothing more and waits for what runs; after `graceMs` its signal aborts. Default: no abort. */
  stop(options?: { graceMs?: number }): Promise<void>;
}

export function createQueue(options: QueueOptions): WorkQueue {
  return new KeyedQueue(options);
}

const priorities = ["high", "normal", "low"] as const satisfies readonly Priority[];
/** One start in so many goes to the longest waiting key of any priority. */
const fairTurn = 10;

interface Entry {
  readonly key: string;
  running: boolean;
  failures: number;
  /** When the last run failed; with `failures` above 0. */
  failedAt: number;
  /** The wish for a run: undefined when there is none. */
  wish: { dueAt: number; priority: Priority } | undefined;
  /** In which lane it stands, and since when. */
  lane: Priority | undefined;
  readyAt: number;
  cancelTimer: (() => void) | undefined;
}

class KeyedQueue implements WorkQueue {
  readonly #options: QueueOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Keys that wait, run, or have failures to remember. */
  readonly #entries = new Map<string, Entry>();
  /** Ready keys, in order of arrival. */
  readonly #lanes = { high: new Set<Entry>(), normal: new Set<Entry>(), low: new Set<Entry>() };
  readonly #abort = new AbortController();
  #running = 0;
  #starts = 0;
  #stopped = false;
  #pumping = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  add(key: string, { priority = "normal", afterMs = 0 }: AddOptions = {}): void {
    if (this.#stopped) return;
    const entry = this.#entries.get(key) ?? newEntry(key);
    this.#entries.set(key, entry);
    this.#wish(entry, this.#clock.now() + Math.max(0, afterMs), priority);
    if (!entry.running) this.#place(entry);
  }

  failures(key: string): number {
    return this.#entries.get(key)?.failures ?? 0;
  }

  resume(key: string, failures: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.failures = Math.max(entry.failures, failures);
  }

  idle(): Promise<void> {
    return new Promise(resolve => {
      this.#idleWaiters.push(resolve);
      this.#noticeIdle();
    });
  }

  stats(): QueueStats {
    const entries = [...this.#entries.values()];
    const ready = entries.filter(entry => entry.lane !== undefined);
    return {
      queued: ready.length,
      delayed: entries.filter(entry => entry.cancelTimer !== undefined).length,
      running: this.#running,
      failing: entries.filter(entry => entry.failures > 0).length,
      oldestWaitMs: ready.reduce((oldest, entry) => Math.max(oldest, this.#clock.now() - entry.readyAt), 0),
    };
  }

  async stop({ graceMs }: { graceMs?: number } = {}): Promise<void> {
    this.#stopped = true;
    for (const entry of this.#entries.values()) this.#unplace(entry);
    const reason = new Error("the queue stops");
    const cancel = graceMs === undefined ? undefined : this.#clock.schedule(graceMs, () => this.#abort.abort(reason));
    await this.idle();
    cancel?.();
  }

  /** Merges a wish for a run into the one that is there: the earlier time and the higher priority count. */
  #wish(entry: Entry, at: number, priority: Priority): void {
    const floor = entry.failures > 0 && priority !== "high" ? entry.failedAt + this.#options.baseDelayMs : 0;
    const dueAt = Math.max(at, floor);
    const wish = entry.wish ?? { dueAt, priority };
    entry.wish = { dueAt: Math.min(wish.dueAt, dueAt), priority: higher(wish.priority, priority) };
  }

  /** Puts an entry where it belongs now: into a lane, or behind a timer. */
  #place(entry: Entry): void {
    if (entry.wish === undefined || this.#stopped) return;
    const { priority } = entry.wish;
    const delay = entry.wish.dueAt - this.#clock.now();
    if (delay <= 0 && entry.lane === priority) return;
    const { readyAt, lane } = entry;
    this.#unplace(entry);
    if (delay > 0) {
      entry.cancelTimer = this.#clock.schedule(delay, () => this.#place(entry));
      return;
    }
    entry.readyAt = lane === undefined ? this.#clock.now() : readyAt;
    entry.lane = priority;
    this.#lanes[priority].add(entry);
    this.#pumpSoon();
  }

  #unplace(entry: Entry): void {
    entry.cancelTimer?.();
    entry.cancelTimer = undefined;
    if (entry.lane !== undefined) this.#lanes[entry.lane].delete(entry);
    entry.lane = undefined;
  }

  /** A moment later, so that nobody who adds is interrupted by a run. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency && !this.#stopped) {
      const entry = this.#pick();
      if (entry === undefined) break;
      void this.#run(entry);
    }
    this.#noticeIdle();
  }

  pressed(): boolean {
    return this.#lanes.high.size + this.#lanes.normal.size > 0;
  }

  #pick(): Entry | undefined {
    const heads = priorities.flatMap(priority => this.#lanes[priority].values().take(1).toArray());
    if (heads.length === 0 || ++this.#starts % fairTurn !== 0) return heads[0];
    return heads.reduce<Entry | undefined>(
      (oldest, head) => (oldest === undefined || head.readyAt < oldest.readyAt ? head : oldest),
      undefined,
    );
  }

  async #run(entry: Entry): Promise<void> {
    this.#unplace(entry);
    entry.wish = undefined;
    entry.running = true;
    this.#running++;
    const waitedMs = this.#clock.now() - entry.readyAt;
    try {
      const run = { signal: this.#abort.signal, failures: entry.failures, waitedMs };
      const { requeueAfterMs } = await this.#options.process(entry.key, run);
      entry.failures = 0;
      if (requeueAfterMs !== undefined) this.#wish(entry, this.#clock.now() + requeueAfterMs, "low");
    } catch (error) {
      this.#failed(entry, error);
    }
    entry.running = false;
    this.#running--;
    this.#place(entry);
    if (entry.wish === undefined && entry.failures === 0) {
      this.#entries.delete(entry.key);
    }
    this.#pump();
  }

  #failed(entry: Entry, error: unknown): void {
    const now = this.#clock.now();
    entry.failures++;
    entry.failedAt = now;
    const { wish } = entry;
    entry.wish = undefined;
    const { baseDelayMs, maxDelayMs } = this.#options;
    const maxMs = typeof maxDelayMs === "number" ? maxDelayMs : maxDelayMs(error);
    const backoff = { baseMs: baseDelayMs, maxMs, jitter: 0.1 };
    this.#wish(entry, now + pauseAfter(entry.failures, backoff, this.#random()), "low");
    if (wish !== undefined) this.#wish(entry, wish.dueAt, wish.priority);
  }

  #noticeIdle(): void {
    const ready = priorities.some(priority => this.#lanes[priority].size > 0);
    if (this.#running > 0 || ready) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}

function newEntry(key: string): Entry {
  return {
    key,
    running: false,
    failures: 0,
    failedAt: 0,
    wish: undefined,
    lane: undefined,
    readyAt: 0,
    cancelTimer: undefined,
  };
}

function higher(a: Priority, b: Priority): Priority {
  return priorities.indexOf(a) <= priorities.indexOf(b) ? a : b;
}
