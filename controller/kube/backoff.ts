/** Growing pauses between attempts. Pure. */

export interface Backoff {
  /** Milliseconds after the first failure. */
  baseMs: number;
  /** Bound before jitter. */
  maxMs: number;
  /** Part of the pause that is random: 0.1 gives ±10 %. */
  jitter: number;
}

/** 2^52 times any base is past every bound; a larger exponent would only lead to Infinity. */
const largestExponent = 52;

/** The pause after `failures` failures in a row (1 and up); `random` is in [0, 1). */
export function pauseAfter(failures: number, backoff: Backoff, random: number): number {
  const exponent = Math.min(Math.max(0, failures - 1), largestExponent);
  const pause = Math.min(backoff.maxMs, backoff.baseMs * 2 ** exponent);
  return pause * (1 + backoff.jitter * (2 * random - 1));
}
