import { uptime } from "node:os";

/** Time as a value to pass in, so that back-off, ages and time-outs are tested without waiting. */
export interface Clock {
  /** Milliseconds since about the epoch. Never goes back, also when the machine's date does. */
  now(): number;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Node runs a timer with a longer delay at once, which would turn "in a month" into "now, for ever". */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/**
 * Goes on while the machine sleeps, which Node's own clock does not (Linux: CLOCK_BOOTTIME against CLOCK_MONOTONIC). To
 * about 10 ms, from the machine's start on.
 */
export const bootClock: Clock = { now: () => uptime() * 1000, schedule: systemClock.schedule };

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
