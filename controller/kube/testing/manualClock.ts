import type { Clock } from "../clock.ts";

/**
 * A clock that tests move. Timers of up to `skipUpToMs` fire at the next turn of the event loop, as if their time had
 * passed; longer ones wait for `advance`.
 */
export class ManualClock implements Clock {
  /** Delays of all timers so far, in order. */
  readonly scheduled: number[] = [];
  readonly #skipUpToMs: number;
  readonly #timers = new Set<{ at: number; callback: () => void }>();
  #now = 1_000_000;

  constructor({ skipUpToMs = 0 }: { skipUpToMs?: number } = {}) {
    this.#skipUpToMs = skipUpToMs;
  }

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.scheduled.push(delayMs);
    this.#timers.add(timer);
    if (delayMs <= this.#skipUpToMs) {
      setImmediate(() => {
        this.#now = Math.max(this.#now, timer.at);
        this.#fire(timer);
      });
    }
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass; timers that come due fire in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#now = Math.max(this.#now, next.at);
      this.#fire(next);
    }
    this.#now = until;
  }

  #next(until: number): { at: number; callback: () => void } | undefined {
    const due = [...this.#timers].filter(timer => timer.at <= until);
    return due.toSorted((a, b) => a.at - b.at)[0];
  }

  #fire(timer: { at: number; callback: () => void }): void {
    if (this.#timers.delete(timer)) timer.callback();
  }
}
