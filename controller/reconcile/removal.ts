/**
 * Removes what a release no longer contains, last stage first, and everything when its owner goes (contract §4.4).
 *
 * Only objects that carry this release's owner key are touched. A stage begins when the one after it is gone, which
 * events tell; nothing is polled, and an object that is gone already counts as removed.
 */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import { type Tracked, trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, type ObjectRef, parseApiVersion, type ResourceType } from "../kube/object.ts";
import type { ObjectFacts } from "../release/facts.ts";
import { fieldManager } from "../release/fields.ts";
import { managedByLabel, ownerKey, releaseAnnotation, releaseNamespaceAnnotation } from "../release/normalise.ts";
import { leaving } from "../release/plan.ts";
import type { InventoryEntry } from "../release/record.ts";
import type { Access, Context } from "./context.ts";
import type { Prune, ReleaseName } from "./releaseSpec.ts";

type RemovalContext = Access & Pick<Context, "metrics">;

export interface RemovalInput {
  readonly key: string;
  readonly name: ReleaseName;
  /** Of the release's owner. */
  readonly uid: string;
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
async function removeOne(context: RemovalContext, input: RemovalInput, recorded: InventoryEntry): Promise<boolean> {
  const type = await servedType(context, recorded);
  // With its kind went the object.
  if (type === undefined) return false;
  const entry = { ...recorded, apiVersion: type.apiVersion };
  const key = trackedKey(entry);
  context.index.add(input.draft, key, "child");
  const tracked = await context.tracker.track(type, entry, { retain: false });
  if (tracked.error !== undefined) throw tracked.error;
  if (tracked.facts === undefined || tracked.facts.owner !== input.name.owner) {
    context.index.discard(input.draft, key, "child");
    return false;
  }
  if (isKept(entry, input.prune)) return orphan(context, input, entry);
  if (tracked.facts.deleting) return true;
  return remove(context, entry, tracked);
}

/** The recorded version may be served no more, and the object still be there in another one. */
async function servedType(
  { client: { discovery } }: RemovalContext,
  { apiVersion, kind }: ObjectRef,
): Promise<ResourceType | undefined> {
  return (await discovery.resolve(apiVersion, kind)) ?? discovery.preferred(parseApiVersion(apiVersion).group, kind);
}

/** Deleting these takes foreign objects with them, so it needs the Airway's word. */
export function isKept(entry: ObjectRef, prune: Prune): boolean {
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

/** Leaves the object behind as nobody's: without the marks of the release. Owners besides the release's stay. */
async function orphan(context: RemovalContext, input: RemovalInput, entry: ObjectRef): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const live = await context.client.get(entry, { metadataOnly: true });
    // Somebody deleted it, or took it, since it was looked at.
    if (live === undefined || ownerKey(live) !== input.name.owner) return false;
    try {
      await context.tracker.write(trackedKey(entry), input.key, () =>
        context.client.patch(entry, { metadata: withoutMarks(live, input.uid) }, { type: "merge", fieldManager }),
      );
      return false;
    } catch (error) {
      if (attempt === mostAttempts || !isKubeError(error, "KUBE_CONFLICT")) throw error;
    }
  }
}

/** For objects that others write all the time. */
const mostAttempts = 5;

function withoutMarks({ metadata }: KubeObject, uid: string): Record<string, unknown> {
  const { resourceVersion, ownerReferences = [] } = metadata;
  return {
    uid: metadata.uid,
    resourceVersion,
    ownerReferences: ownerReferences.filter(owner => owner.uid !== uid),
    labels: { [managedByLabel]: null },
    annotations: { [releaseAnnotation]: null, [releaseNamespaceAnnotation]: null },
  };
}
