/** What yoke kept of a release that goes on here: its revisions become ours, and end with the release. */

import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { fieldManager } from "../release/fields.ts";
import { byActivity, readRevision, relabelling } from "../release/revision.ts";
import type { HistoryContext, Subject } from "./history.ts";
import { releaseFinalizer } from "./owner.ts";
import { listRevisionSecrets, secretRef } from "./revisionSecrets.ts";

/** Takes them over, where there is no record yet. */
export async function inheritHistory(context: HistoryContext, subject: Subject): Promise<void> {
  if (!isInherited(subject)) return;
  try {
    const found = await listRevisionSecrets(context, subject);
    for (const object of found) {
      const patch = relabelling(object);
      const ref = secretRef(subject, object.metadata.name);
      if (patch !== undefined) await context.client.patch(ref, patch, { type: "merge", fieldManager });
    }
    const [name = "", ...former] = byActivity(found.map(readRevision)).map(revision => revision.name);
    subject.state.record = { ...subject.state.record, revision: { name, pending: false, former } };
  } catch (error) {
    // Not to know what yoke kept is no reason not to go on from here.
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
    context.log.warn({ release: subject.name.history, error: error.message }, "a former history is not looked for");
  }
}

/** Those of a release that never got so far as to go on with them. They do not keep it from its end. */
export async function listInherited(context: HistoryContext, subject: Subject): Promise<KubeObject[]> {
  if (!isInherited(subject)) return [];
  try {
    return await listRevisionSecrets(context, subject);
  } catch (error) {
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
    context.log.warn({ release: subject.name.history, error: error.message }, "a former history is left behind");
    return [];
  }
}

/** Adopted before it had a record: by yoke, whose history goes on here. */
function isInherited({ object, state: { record } }: Subject): boolean {
  const adopted = object.metadata.finalizers?.includes(releaseFinalizer) === true;
  return adopted && record.flight === "" && record.revision.name === "";
}
