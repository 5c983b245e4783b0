/**
 * Whether a render that is called for has to wait: because the release spins (`pace.ts`), or because its Airway or its
 * owner asks for a minimum interval between rolls (docs/decisions/0013-pace.md).
 */

import { parseDuration } from "../airway/duration.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Cause } from "./causes.ts";
import { reconcileErrors } from "./errors.ts";
import { describeCause } from "./explain.ts";
import type { InputPart } from "./inputs.ts";
import { type Pace, waitBefore } from "./pace.ts";

/** The condition `Paced`. */
export interface Paced {
  readonly reason: "Spinning" | "MinRollInterval";
  readonly message: string;
}

export interface Hold extends Paced {
  readonly waitMs: number;
}

/** On an instance or a Flight; wins over its Airway's. */
export const minRollIntervalAnnotation = "atc.yoke.cd/min-roll-interval";

export interface HoldInput {
  readonly pace: Pace;
  readonly changed: readonly InputPart[];
  /** Since the last attempt to render it, the owner was. */
  readonly edited: boolean;
  /** The first one names what is waiting. */
  readonly causes: readonly Cause[];
  readonly minRollIntervalMs: number;
  /** Milliseconds since the epoch; undefined: it never rolled. */
  readonly lastRoll: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** undefined: render now. */
export function holdOf({
  pace,
  changed,
  edited,
  causes,
  minRollIntervalMs,
  lastRoll,
  now,
}: HoldInput): Hold | undefined {
  const spinMs = waitBefore(pace, now, edited);
  if (spinMs > 0) return { waitMs: spinMs, ...spinning(pace, causes) };
  // An edit, a new flight and damage to a child are dealt with at once.
  const onlyLookups = changed.length === 1 && changed[0] === "lookups";
  // A time to come is of another clock, or nobody's; what is no time counts for nothing either.
  const rolled = lastRoll !== undefined && lastRoll <= now;
  const rollMs = onlyLookups && rolled ? lastRoll + minRollIntervalMs - now : 0;
  if (rollMs <= 0) return undefined;
  const at = new Date(now + rollMs).toISOString();
  const message = `${reasonOf(causes)}; it rolls at ${at}, ${minRollIntervalMs / 1000} s after the last roll`;
  return { waitMs: rollMs, reason: "MinRollInterval", message };
}

/** What is told while the breaker is open. */
export function spinning({ pauseMs }: Pace, causes: readonly Cause[]): Paced {
  const message = `${reasonOf(causes)}; renders are ${pauseMs / 1000} s apart until that rests`;
  return { reason: "Spinning", message };
}

function reasonOf([first]: readonly Cause[]): string {
  return first === undefined ? "an input changed" : describeCause(first);
}

/**
 * Milliseconds; 0: none.
 * @throws RELEASE_ROLL_INTERVAL_INVALID
 */
export function minRollInterval(ofAirway: number | undefined, owner: KubeObject): number {
  const text = owner.metadata.annotations?.[minRollIntervalAnnotation];
  if (text === undefined) return ofAirway ?? 0;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds < 0) {
    throw reconcileErrors.RELEASE_ROLL_INTERVAL_INVALID({ annotation: minRollIntervalAnnotation, text });
  }
  return milliseconds;
}
