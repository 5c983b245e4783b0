/** What the owner of a release is told: conditions and the record in its status, Events about failures. */

import { CodedError } from "../../lib/errors.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import type { ReleaseRecord } from "../release/record.ts";
import type { Access, Context, ReleaseState } from "./context.ts";
import { describe } from "./explain.ts";
import { isSame, type Owner } from "./owner.ts";
import { type Ready, writeStatus } from "./status.ts";

/** False when the owner is gone, or another one has its name. */
export async function tell(
  context: Context,
  owner: Owner,
  object: KubeObject,
  ready: Ready,
  record: ReleaseRecord,
): Promise<boolean> {
  // The newest state decides what would change; the generation that was reconciled is the given one's.
  const newest = owner.object() ?? object;
  if (!isSame(newest, object)) return false;
  const { generation } = object.metadata;
  const metadata = { ...newest.metadata, ...(generation === undefined ? {} : { generation }) };
  const written = await writeStatus(context, { ...newest, metadata }, ready, record);
  if (written !== undefined) owner.observe(written);
  return written !== undefined;
}

/** Status and Event; nothing of an API server in trouble, whom a write would not reach. */
export async function tellFailure(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
  { error, reason, action }: { error: unknown; reason: "Error" | "Terminating"; action: "Render" | "Delete" },
): Promise<void> {
  if (isKubeError(error, "KUBE_UNAVAILABLE", "KUBE_THROTTLED")) return;
  const message = error instanceof CodedError ? `${error.message} (${error.code})` : String(error);
  context.events.record(object, { type: "Warning", reason: "Error", action, note: message });
  await tell(context, owner, object, { status: "False", reason, message }, state.record);
}

/** What the watches say of the children; no request is made. */
export function readyFrom({ tracker }: Pick<Access, "tracker">, record: ReleaseRecord): Ready {
  const tracked = record.inventory.map(entry => ({ entry, facts: tracker.get(trackedKey(entry))?.facts }));
  const failed = tracked.find(({ facts }) => facts?.failure !== undefined);
  if (failed?.facts?.failure !== undefined) {
    return { status: "False", reason: "Error", message: failed.facts.failure };
  }
  const waiting = tracked
    .filter(({ facts }) => facts?.ready !== true || facts.deleting)
    .map(({ entry, facts }) => facts?.gap || describe(entry));
  if (waiting.length > 0)
    return { status: "False", reason: "InProgress", message: `waiting for ${waiting.join(", ")}` };
  const count = record.inventory.length;
  return {
    status: "True",
    reason: "Ready",
    message: count === 1 ? "1 object is ready" : `all ${count} objects are ready`,
  };
}
