/**
 * Applies over whatever version of an object is there now, and never over one that came later.
 *
 * A request of a replica that does not lead any more may reach the API server late. With the resourceVersion in it, it
 * fails when the successor has written the object meanwhile. Who still leads reads the version and asks again.
 */

import type { KubeClient } from "../kube/client.ts";
import { answerError, isKubeError, type KubeError } from "../kube/errors.ts";
import { type KubeObject, refKey, refOf } from "../kube/object.ts";

type ApplyOptions = Parameters<KubeClient["apply"]>[1];

/** Others write in between more often only when they fight; then the next run looks anew. */
const attempts = 5;

/**
 * @param known the object's uid, and the version of it that was seen last
 * @throws KUBE_NOT_FOUND when it is gone, or another one has its name; KUBE_CONFLICT when others never stop writing
 */
export async function applyOver(
  client: Pick<KubeClient, "apply" | "get">,
  object: KubeObject,
  known: { readonly uid: string; readonly resourceVersion: string },
  options: ApplyOptions,
): Promise<{ object: KubeObject; created: boolean }> {
  let { resourceVersion } = known;
  for (let attempt = 1; ; attempt++) {
    try {
      const metadata = { ...object.metadata, uid: known.uid, resourceVersion };
      return await client.apply({ ...object, metadata }, options);
    } catch (error) {
      if (attempt === attempts || !isKubeError(error, "KUBE_CONFLICT")) throw error;
      const live = await client.get(refOf(object), { metadataOnly: true });
      if (live?.metadata.uid !== known.uid) throw gone(object);
      resourceVersion = live.metadata.resourceVersion ?? "";
    }
  }
}

function gone(object: KubeObject): KubeError {
  return answerError(
    { method: "PATCH", path: refKey(refOf(object)) },
    { status: 404, body: "it is another object now" },
  );
}
