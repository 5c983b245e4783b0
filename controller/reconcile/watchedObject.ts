import type { Draft } from "../dynamic/dependencyIndex.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import type { Access } from "./context.ts";

/** Watched before read, and a dependency from then on. */
export async function watchedObject(
  { client, index, tracker }: Access,
  draft: Draft,
  ref: ObjectRef,
): Promise<KubeObject | undefined> {
  const type = await client.discovery.resolve(ref.apiVersion, ref.kind);
  if (type === undefined) return undefined;
  index.add(draft, trackedKey(ref), "lookup");
  const tracked = await tracker.track(type, ref, { retain: true });
  if (tracked.error !== undefined) throw tracked.error;
  return tracked.object;
}
