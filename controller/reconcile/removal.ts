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

/** What is gone of a release. It is still watched, and a dependency of the draft. */
export interface Gone {
  /** See `trackedKey`. */
  readonly key: string;
  readonly entry: InventoryEntry;
  /** Of the object that was deleted; empty where there was none. */
  readonly uid: string;
}

export interface Removal {
  /** What has to be gone before the removal can go on; nothing when it is complete. */
  readonly pending: readonly ObjectRef[];
  readonly gone: readonly Gone[];
}

/** Takes the next step. */
export async function removeLeaving(context: RemovalContext, input: RemovalInput): Promise<Removal> {
  const gone: Gone[] = [];
  for (const stage of leaving(input.inventory, input.keys)) {
    const ends = await Promise.all(stage.map(entry => removeOne(context, input, entry)));
    gone.push(...ends.filter(end => typeof end === "object"));
    const pending = stage.filter((_, index) => ends[index] === "present");
    if (pending.length > 0) return { pending, gone };
  }
  return { pending: [], gone };
}

/** `present`: it is still there and has to go first. `left`: it is not, or no more, the release's. */
async function removeOne(
  context: RemovalContext,
  input: RemovalInput,
  recorded: InventoryEntry,
): Promise<"present" | "left" | Gone> {
  const type = await servedType(context, recorded);
  // With its kind went the object.
  if (type === undefined) return "left";
  const entry = { ...recorded, apiVersion: type.apiVersion };
  const key = trackedKey(entry);
  context.index.add(input.draft, key, "child");
  const tracked = await context.tracker.track(type, entry, { retain: false });
  if (tracked.error !== undefined) throw tracked.error;
  if (tracked.facts === undefined) return { key, entry, uid: "" };
  const isOurs = tracked.facts.owner === input.name.owner;
  if (!isOurs || isKept(entry, input.prune)) {
    if (isOurs) await orphan(context, input, entry);
    context.index.discard(input.draft, key, "child");
    return "left";
  }
  if (tracked.facts.deleting) return "present";
  const { uid } = tracked;
  return (await remove(context, entry, tracked)) ? "present" : { key, entry, uid };
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
async function orphan(context: RemovalContext, input: RemovalInput, entry: ObjectRef): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const live = await context.client.get(entry, { metadataOnly: true });
    // Somebody deleted it, or took it, since it was looked at.
    if (live === undefined || ownerKey(live) !== input.name.owner) return;
    try {
      await context.tracker.write(trackedKey(entry), input.key, () =>
        context.client.patch(entry, { metadata: withoutMarks(live, input.uid) }, { type: "merge", fieldManager }),
      );
      return;
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
