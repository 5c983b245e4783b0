/**
 * How often one release may render: a breaker against spinning. Pure; times are milliseconds of one clock.
 *
 * A release may render often for a while (a bucket of `burst` renders that refills slowly). When the bucket is empty it
 * spins: somebody writes one of its inputs without end, or fights over a field of its children. Then the breaker is
 * open: each further render comes after a pause that doubles. Nothing is lost by that, because a render works on the
 * last state, whatever was skipped before it (docs/decisions/0013-pace.md).
 */

export interface PaceLimits {
  /** Renders that may follow each other at once. */
  readonly burst: number;
  /** Time in which one more is allowed. */
  readonly refillMs: number;
  /** Pause between renders when the breaker opens; doubles up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export interface Pace {
  /** Renders left at `at`; may be a fraction. */
  readonly tokens: number;
  /** When the last render began. */
  readonly at: number;
  /** Pause between renders; 0: the breaker is closed. */
  readonly pauseMs: number;
}

export function paceLimits(burst: number): PaceLimits {
  return { burst, refillMs: 3_000, firstPauseMs: 1_000, longestPauseMs: 30_000 };
}

export function freshPace({ burst }: PaceLimits): Pace {
  return { tokens: burst, at: Number.NEGATIVE_INFINITY, pauseMs: 0 };
}

/** An edit of the owner is a person's will: it does not wait longer than this after the last render. */
const longestEditWaitMs = 1_000;

/** Milliseconds until a render may begin; 0: now. `edited`: the owner itself is what changed. */
export function waitBefore(pace: Pace, now: number, edited: boolean): number {
  // The machine's date may be set back: that is no reason to wait for as long.
  if (pace.pauseMs === 0 || now < pace.at) return 0;
  const pauseMs = edited ? Math.min(pace.pauseMs, longestEditWaitMs) : pace.pauseMs;
  return Math.max(0, pace.at + pauseMs - now);
}

/** After a render was allowed to begin. */
export function paceAfterRender(pace: Pace, limits: PaceLimits, now: number): Pace {
  const settled = paceAt(pace, limits, now);
  const tokens = settled.tokens - 1;
  if (settled.pauseMs > 0) {
    return { tokens: 0, at: now, pauseMs: Math.min(limits.longestPauseMs, 2 * settled.pauseMs) };
  }
  return tokens >= 0 ? { tokens, at: now, pauseMs: 0 } : { tokens: 0, at: now, pauseMs: limits.firstPauseMs };
}

/** The state at `now`: the bucket refills, and an open breaker closes when no render was wanted for two pauses. */
export function paceAt(pace: Pace, limits: PaceLimits, now: number): Pace {
  const quietMs = Math.max(0, now - pace.at);
  if (pace.pauseMs > 0 && quietMs < quietToClose(pace)) return pace;
  return { ...pace, tokens: Math.min(limits.burst, pace.tokens + quietMs / limits.refillMs), pauseMs: 0 };
}

/** Milliseconds after which an open breaker closes if nothing more happens; undefined: it is closed. */
export function closesAfter(pace: Pace, now: number): number | undefined {
  return pace.pauseMs === 0 ? undefined : Math.max(0, pace.at + quietToClose(pace) - now);
}

function quietToClose({ pauseMs }: Pace): number {
  return 2 * pauseMs;
}
