/** What the owner of a release is told: conditions and the record in its status, Events about failures. */

import { CodedError } from "../../lib/errors.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { isKubeError, isOfTheMoment } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { namesOf, type OwnerStatus, type StatusNames, statusUnder, withoutReady } from "../release/ownerStatus.ts";
import { type ReleaseRecord, writeRecord } from "../release/record.ts";
import type { Access, Context, ReleaseState } from "./context.ts";
import { describe } from "./explain.ts";
import { isSame, type Owner } from "./owner.ts";
import { type Ready, writeStatus } from "./status.ts";

/**
 * What the flight says of its instance (contract §4.5): what it returned in this run; `nothing` in this run, so that
 * its former words stay but for Ready; or, where nothing was rendered, `as before`.
 */
export type Stated = OwnerStatus | "nothing" | "as before";

export interface News {
  readonly ready: Ready;
  readonly stated: Stated;
  /** Default: the one of the state. */
  readonly record?: ReleaseRecord;
}

/** False when the owner is gone, or another one has its name; else the state has the record that is written now. */
export async function tell(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
  news: News,
): Promise<boolean> {
  // The newest state decides what would change; the generation that was reconciled is the given one's.
  const newest = owner.object() ?? object;
  if (!isSame(newest, object)) return false;
  const { generation } = object.metadata;
  const metadata = { ...newest.metadata, ...(generation === undefined ? {} : { generation }) };
  // Words about an older generation are not spread.
  const moved = typeof news.stated === "object" && newest.metadata.generation !== generation;
  const beside = besideOf(newest, state.record.stated, moved ? "nothing" : news.stated);
  const record = { ...(news.record ?? state.record), stated: namesOf(beside) };
  const status = { ...beside, fields: { ...owner.fields(record), ...beside.fields } };
  const telling = { ready: news.ready, atc: writeRecord(record), beside: status, paced: state.paced };
  const written = await writeStatus(context, { ...newest, metadata }, telling);
  if (written === undefined) return false;
  // Not before: what is remembered here counts as recorded.
  state.record = record;
  const isStatic = owner.mode() === "static";
  const guarded = context.webhooks?.setRelease(owner.key, { isStatic, objects: record.inventory });
  // Before there is anything to be changed by others.
  if (isStatic) await guarded;
  owner.observe(written);
  return true;
}

function besideOf(newest: KubeObject, names: StatusNames, stated: Stated): OwnerStatus {
  if (typeof stated === "object") return stated;
  const before = statusUnder(newest, names);
  return stated === "nothing" ? withoutReady(before) : before;
}

/** From this many failures in a row their pause is long enough to be kept over a restart. */
const worthRemembering = 4;

export interface Failing {
  readonly error: unknown;
  readonly reason: "Error" | "Terminating";
  readonly action: "Render" | "Delete";
  readonly stated?: OwnerStatus | undefined;
}

/** undefined: nothing to be told of an API server in trouble, whom a write would not reach. */
export function problemOf(error: unknown, reason: Failing["reason"]): Ready | undefined {
  if (isOfTheMoment(error)) return undefined;
  const message = error instanceof CodedError ? `${error.message} (${error.code})` : String(error);
  return { status: "False", reason, message };
}

/** Status and Event. */
export async function tellFailure(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
  { error, reason, action, stated }: Failing,
): Promise<void> {
  const ready = problemOf(error, reason);
  if (ready === undefined) return;
  context.events.record(object, { type: "Warning", reason: "Error", action, note: ready.message });
  const failures = context.queue.failures(owner.key) + 1;
  if (failures >= worthRemembering) state.record = { ...state.record, failures };
  const news = { ready, stated: stated ?? "nothing" } as const;
  try {
    await tellProblem(context, owner, object, state, news);
  } catch (refused) {
    // A schema may ask for a status that only the flight can give; the Event has told.
    if (!isKubeError(refused, "KUBE_INVALID")) throw refused;
  }
}

/** The controller's words stand in place of the flight's, also of those yet to be told; the next run must bring them back. */
export async function tellProblem(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
  news: { readonly ready: Ready; readonly stated: OwnerStatus | "nothing" },
): Promise<void> {
  if (context.untold.delete(owner.key) || state.record.stated.conditions.includes("Ready")) {
    state.inputs = "";
    state.record = { ...state.record, inputs: "" };
  }
  const stated = news.stated === "nothing" ? news.stated : withoutReady(news.stated);
  await tell(context, owner, object, state, { ready: news.ready, stated });
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
