import type { ObjectList } from "../client.ts";
import type { KubeObject } from "../object.ts";
import { nameKey, type ReflectorHandler } from "../reflector.ts";

/** Tells a handler a list as a reflector does. */
export function tellList(handler: ReflectorHandler, objects: readonly KubeObject[], resourceVersion: string): void {
  for (const object of objects) handler.upsert(object);
  handler.listed(new Set(objects.map(({ metadata }) => nameKey(metadata))), resourceVersion);
}

/** For a tracker that is never to read many objects at once. */
export function noPages(): AsyncIterable<ObjectList> {
  throw new Error("nothing is to be listed");
}
