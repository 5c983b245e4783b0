/**
 * What a release has removed stays watched for a while. A creation whose sender gave up, or died, may reach the API server
 * when the object is not wanted any more, and nobody else would know of it.
 */

import type { DependencyIndex, Draft } from "../dynamic/dependencyIndex.ts";
import type { InventoryEntry } from "../release/record.ts";
import type { Owner } from "./owner.ts";
import type { Gone } from "./removal.ts";

export interface RemovedChild {
  readonly entry: InventoryEntry;
  /** Of the object that was deleted; empty where there was none. */
  readonly uid: string;
  /** When it is watched no more, in milliseconds of `context.now()`. */
  readonly until: number;
}

/** Longer than a network keeps what a dead process, or one that gave up, has sent. */
const watchMs = 60_000;

/** From now on these are what was removed; what is not, or long enough, is taken out of the draft. */
export function watchRemoved(
  removed: Map<string, RemovedChild>,
  gone: readonly Gone[],
  { index, draft, now }: { index: DependencyIndex; draft: Draft; now: number },
): void {
  const former = new Map(removed);
  removed.clear();
  for (const { key, entry, uid } of gone) {
    const known = former.get(key);
    const until = uid === "" && known !== undefined ? known.until : now + watchMs;
    if (until > now) removed.set(key, { entry, uid: uid || (known?.uid ?? ""), until });
    else index.discard(draft, key, "child");
  }
}

/** Whether one is there again, made by a request that was late. */
export function isBack({ access, name }: Owner, removed: ReadonlyMap<string, RemovedChild>): boolean {
  return removed.entries().some(([key, { uid }]) => {
    const tracked = access.tracker.get(key);
    return tracked?.facts?.owner === name.owner && !tracked.facts.deleting && tracked.uid !== uid;
  });
}

/** Lets go of what was watched long enough. */
export function forgetRemoved({ access, key }: Owner, removed: Map<string, RemovedChild>, now: number): void {
  for (const [object, { until }] of removed) {
    if (until > now) continue;
    removed.delete(object);
    for (const orphan of access.index.remove(key, object, "child")) access.tracker.untrack(orphan);
  }
}
