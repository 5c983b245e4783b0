/**
 * Why a run happens: events leave their cause here, the next run of the instance takes them.
 * Kept per key until a run succeeds, so that a failed run does not lose the reason of the next one.
 */

import type { ObjectRef } from "../kube/object.ts";

export interface Cause {
  readonly change: "created" | "updated" | "deleted" | "flight changed" | "started" | "served";
  readonly object: ObjectRef;
  readonly resourceVersion: string;
  /** When the controller learnt of it, in milliseconds of `performance.now()`. */
  readonly at: number;
}

/**
 * The causes of a roll, with that of a flight which is another one than in the last render though no event said so: its
 * URL was asked again, or the controller was away. Digests; empty where there is none.
 */
export function withFlightChange(
  causes: readonly Cause[],
  { before, after }: { readonly before: string; readonly after: string },
  owner: ObjectRef,
): readonly Cause[] {
  const same = before === "" || after === "" || before === after;
  if (same || causes.some(({ change }) => change === "flight changed")) return causes;
  return [...causes, { change: "flight changed", object: owner, resourceVersion: "", at: performance.now() }];
}

/** The first ones tell why; more than these nobody reads. */
const kept = 8;

export class CauseBook {
  readonly #pending = new Map<string, Cause[]>();

  add(key: string, cause: Cause): void {
    const causes = this.#pending.get(key);
    if (causes === undefined) this.#pending.set(key, [cause]);
    else if (causes.length < kept) causes.push(cause);
  }

  /** Without taking them. */
  pending(key: string): readonly Cause[] {
    return this.#pending.get(key) ?? [];
  }

  take(key: string): Cause[] {
    const causes = this.#pending.get(key) ?? [];
    this.#pending.delete(key);
    return causes;
  }

  /** After a failed run: its causes come first again. */
  giveBack(key: string, causes: Cause[]): void {
    const all = [...causes, ...this.take(key)].slice(0, kept);
    if (all.length > 0) this.#pending.set(key, all);
  }

  forget(key: string): void {
    this.#pending.delete(key);
  }
}
