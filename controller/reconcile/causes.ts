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
