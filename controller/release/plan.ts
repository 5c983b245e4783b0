/**
 * Desired, live and recorded state in; what to do out. Pure.
 *
 * Ownership (contract §4.3, made safe): objects of another release are refused, objects of nobody are adopted.
 */

import { type KubeObject, refKey } from "../kube/object.ts";
import type { ObjectFacts } from "./facts.ts";
import type { Leaves } from "./fields.ts";
import type { InventoryEntry } from "./record.ts";

export interface DesiredChild {
  readonly key: string;
  readonly stage: number;
  readonly object: KubeObject;
  /** Digest of the rendered object. */
  readonly digest: string;
}

/** What this process applied last for a child, and what the API server then recorded as ours. */
export interface Applied {
  readonly digest: string;
  readonly fields: string;
  readonly leaves: Leaves;
}

export interface LiveChild {
  readonly facts: ObjectFacts | undefined;
  readonly resourceVersion: string;
}

export type ChildAction =
  | {
      readonly action: "apply";
      readonly child: DesiredChild;
      /** `missing`: not there. `changed`: the render differs. `drifted`: somebody else changed it. `unknown`: first look after a start. */
      readonly why: "missing" | "changed" | "drifted" | "unknown";
      /**
       * The optimistic lock: the resourceVersion that the flight saw when it looked this object up, or at which an
       * object of nobody is adopted.
       */
      readonly lock: string | undefined;
      readonly force: boolean;
    }
  | { readonly action: "keep"; readonly child: DesiredChild }
  /**
   * The render follows the live object, as with a looked-up Secret that the flight passes on: there is nothing to
   * write, and the fields stay with whoever wrote them.
   */
  | { readonly action: "follow"; readonly child: DesiredChild; readonly fields: string }
  /** It is being deleted; it is made again when it is gone. */
  | { readonly action: "wait"; readonly child: DesiredChild }
  /** The flight saw an older version of this object than is there now: render again. */
  | { readonly action: "stale"; readonly child: DesiredChild }
  | { readonly action: "refuse"; readonly child: DesiredChild; readonly owner: string };

export interface PlanInput {
  readonly owner: string;
  readonly desired: DesiredChild;
  readonly live: LiveChild;
  readonly applied: Applied | undefined;
  /** Whether the live object holds the rendered one already; known only of objects that are looked up too. */
  readonly held: boolean;
  /** resourceVersion that the flight saw of this object, empty for "not found"; undefined when it did not look. */
  readonly seen: string | undefined;
}

export function planChild({ owner, desired: child, live, applied, held, seen }: PlanInput): ChildAction {
  const { facts } = live;
  if (facts !== undefined && facts.owner !== "" && facts.owner !== owner) {
    return { action: "refuse", child, owner: facts.owner };
  }
  if (facts?.deleting === true) return { action: "wait", child };
  if (seen !== undefined && seen !== (facts === undefined ? "" : live.resourceVersion)) {
    return { action: "stale", child };
  }
  const unchanged = applied?.digest === child.digest;
  if (facts !== undefined && unchanged && facts.fields === applied.fields) return { action: "keep", child };
  if (facts !== undefined && held) return { action: "follow", child, fields: facts.fields };
  const why = facts === undefined ? "missing" : applied === undefined ? "unknown" : unchanged ? "drifted" : "changed";
  // What appears in between must not be overwritten: without force the API server answers with a conflict then.
  if (facts === undefined) return { action: "apply", child, why, lock: undefined, force: false };
  // Nor must what another release adopts in between.
  const lock = seen ?? (facts.owner === "" ? live.resourceVersion : undefined);
  return { action: "apply", child, why, lock, force: true };
}

/**
 * What the former inventory has and the new render has not, last stage first: the order of deletion. An object is the
 * same in every version of its API, so `desired` are keys without the version (`refKey`).
 */
export function leaving(inventory: readonly InventoryEntry[], desired: ReadonlySet<string>): InventoryEntry[][] {
  const stages = new Map<number, InventoryEntry[]>();
  for (const entry of inventory) {
    if (desired.has(refKey(entry))) continue;
    stages.set(entry.stage, [...(stages.get(entry.stage) ?? []), entry]);
  }
  return [...stages.entries()].sort(([a], [b]) => b - a).map(([, entries]) => entries);
}
