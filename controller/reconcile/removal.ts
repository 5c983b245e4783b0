/**
 * Removes what a release no longer contains, last stage first, and everything when its owner goes (contract §4.4).
 *
 * Only objects that carry this release's owner key are touched. A stage begins when the one after it is gone, which
 * events tell; nothing is polled, and an object that is gone already counts as removed.
 */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import { type Tracked, trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import { type ObjectRef, parseApiVersion } from "../kube/object.ts";
import type { ObjectFacts } from "../release/facts.ts";
import { fieldManager } from "../release/fields.ts";
import { managedByLabel, releaseAnnotation, releaseNamespaceAnnotation } from "../release/normalise.ts";
import { leaving } from "../release/plan.ts";
import type { InventoryEntry } from "../release/record.ts";
import type { Access, Context } from "./context.ts";
import type { Prune, ReleaseName } from "./releaseSpec.ts";

type RemovalContext = Access & Pick<Context, "metrics">;

export interface RemovalInput {
  readonly key: string;
  readonly name: ReleaseName;
  readonly prune: Prune;
  readonly draft: Draft;
  readonly inventory: readonly InventoryEntry[];
  /** What stays; see `refKey`. */
  readonly keys: ReadonlySet<string>;
}

/** Takes the next step. Returns what has to be gone before the removal can go on; nothing when it is complete. */
export async function removeLeaving(context: RemovalContext, input: RemovalInput): Promise<ObjectRef[]> {
  for (const stage of leaving(input.inventory, input.keys)) {
    const pending = await Promise.all(stage.map(entry => removeOne(context, input, entry)));
    const present = stage.filter((_, index) => pending[index]);
    if (present.length > 0) return present;
  }
  return [];
}

/** Whether the object is still there and has to go first. */
async function removeOne(context: RemovalContext, input: RemovalInput, entry: InventoryEntry): Promise<boolean> {
  const type = await context.client.discovery.resolve(entry.apiVersion, entry.kind);
  // With its kind went the object.
  if (type === undefined) return false;
  const key = trackedKey(entry);
  context.index.add(input.draft, key, "child");
  const tracked = await context.tracker.track(type, entry, { retain: false });
  if (tracked.error !== undefined) throw tracked.error;
  if (tracked.facts === undefined || tracked.facts.owner !== input.name.owner) return false;
  if (isKept(entry, input.prune)) return orphan(context, input, entry);
  if (tracked.facts.deleting) return true;
  return remove(context, entry, tracked);
}

/** Deleting these takes foreign objects with them, so it needs the Airway's word. */
function isKept(entry: ObjectRef, prune: Prune): boolean {
  const { group } = parseApiVersion(entry.apiVersion);
  if (group === "apiextensions.k8s.io" && entry.kind === "CustomResourceDefinition") return !prune.crds;
  return group === "" && entry.kind === "Namespace" && !prune.namespaces;
}

async function remove(context: RemovalContext, entry: ObjectRef, tracked: Tracked<ObjectFacts>): Promise<boolean> {
  try {
    const result = await context.client.delete(entry, { uid: tracked.uid, propagation: "Foreground" });
    context.metrics.applies.inc({ result: "deleted" });
    return result === "deleting";
  } catch (error) {
    // Another object of the same name: not ours.
    if (isKubeError(error, "KUBE_CONFLICT")) return true;
    throw error;
  }
}

/** Leaves the object behind as nobody's: without the marks of the release. */
async function orphan(context: RemovalContext, input: RemovalInput, entry: ObjectRef): Promise<boolean> {
  const patch = {
    metadata: {
      ownerReferences: null,
      labels: { [managedByLabel]: null },
      annotations: { [releaseAnnotation]: null, [releaseNamespaceAnnotation]: null },
    },
  };
  await context.tracker.write(trackedKey(entry), input.key, () =>
    context.client.patch(entry, patch, { type: "merge", fieldManager }),
  );
  return false;
}
