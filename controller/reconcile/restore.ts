/** The memory of one release: brought back from the record of an earlier process, and let go. */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import type { KubeObject } from "../kube/object.ts";
import { emptyRecord, type ReleaseRecord, readRecord } from "../release/record.ts";
import type { Access, Context, ReleaseState } from "./context.ts";
import { emptyHistory } from "./history.ts";
import type { Owner } from "./owner.ts";
import { forgetOwnModule } from "./ownModule.ts";
import { freshPace } from "./pace.ts";

type RestoreContext = Pick<Context, "accesses" | "states" | "now" | "paceLimits">;

/**
 * Brings back what the record of an earlier process knows, and watches what it depended on. Called for each owner as
 * soon as it is listed, and not when its turn comes, so that a start opens few wide watches instead of many exact ones.
 */
export function restoreRelease(
  context: RestoreContext,
  { key, access }: Pick<Owner, "key" | "access">,
  object: KubeObject,
): Promise<ReleaseState> {
  const present = context.states.get(key) ?? restore(context, access, access.index.begin(key), readRecord(object));
  context.states.set(key, present);
  // Awaited by the owner's run, which tells; a run that never comes needs no answer.
  present.catch(() => {
    if (context.states.get(key) === present) context.states.delete(key);
  });
  return present;
}

/** For an owner that is seen for the first time: what is remembered under its key is of one that had its name before it. */
export function beginRelease(
  context: RestoreContext & Pick<Context, "unwritten" | "untold">,
  owner: Pick<Owner, "key" | "access">,
  object: KubeObject,
): Promise<ReleaseState> {
  const former = context.states.get(owner.key);
  context.states.delete(owner.key);
  context.untold.delete(owner.key);
  void former?.then(
    ({ history }) => context.unwritten.delete(history),
    () => undefined,
  );
  return restoreRelease(context, owner, object);
}

/**
 * For a replica that stands by: takes over what the one that leads has recorded, so that nothing but new events is left
 * to be learned when this one leads.
 */
export function followRelease(context: RestoreContext & Pick<Context, "causes">, owner: Owner): void {
  const { key, access } = owner;
  const former = context.states.get(key);
  const next = (async () => {
    const known = await former?.catch(() => undefined);
    const object = owner.object();
    const record = object === undefined ? emptyRecord : readRecord(object);
    if (known !== undefined && JSON.stringify(known.record) === JSON.stringify(record)) return known;
    const draft = access.index.begin(key);
    const state = await restore(context, access, draft, record);
    for (const orphan of access.index.commit(draft)) access.tracker.untrack(orphan);
    // What was recorded has had its effect.
    context.causes.forget(key);
    return state;
  })();
  context.states.set(key, next);
  next.catch(() => {
    if (context.states.get(key) === next) context.states.delete(key);
  });
}

async function restore(
  { accesses, now, paceLimits }: Pick<Context, "accesses" | "now" | "paceLimits">,
  access: Access,
  draft: Draft,
  record: ReleaseRecord,
): Promise<ReleaseState> {
  accesses.settle(draft.instance, access);
  await watchRecorded(access, draft, record);
  return {
    ...{ record, inputs: record.inputs, applied: new Map(), history: emptyHistory(), secretKeys: new Map() },
    ...{ removed: new Map(), lastRun: now(), access, pace: freshPace(paceLimits), paced: undefined },
    ...{ problem: undefined, tried: "" },
  };
}

/**
 * Where another account is to look after the release. What changes while neither watches is found by comparing: the new
 * watches list first.
 */
export async function moveRelease(
  { accesses }: Pick<Context, "accesses">,
  { key, access }: Pick<Owner, "key" | "access">,
  state: ReleaseState,
): Promise<void> {
  if (state.access === access) return;
  accesses.settle(key, access);
  await watchRecorded(access, access.index.begin(key), state.record);
  state.access = access;
}

async function watchRecorded(access: Access, draft: Draft, record: ReleaseRecord): Promise<void> {
  const watch = async (ref: ReleaseRecord["lookups"][number], role: "lookup" | "child") => {
    const type = await access.client.discovery.resolve(ref.apiVersion, ref.kind);
    if (type === undefined) return;
    access.index.add(draft, trackedKey(ref), role);
    await access.tracker.track(type, ref, { retain: role === "lookup" });
  };
  await Promise.all([
    ...record.lookups.map(ref => watch(ref, "lookup")),
    ...record.inventory.map(entry => watch(entry, "child")),
  ]);
}

/** When the owner, or the Airway of its kind, is gone. */
export async function forgetRelease(context: Context, key: string): Promise<void> {
  const state = context.states.get(key);
  // What a restoration under way adds would stay for ever.
  const known = await state?.catch(() => undefined);
  // One of the same name came meanwhile.
  if (context.states.has(key) && context.states.get(key) !== state) return;
  context.states.delete(key);
  context.causes.forget(key);
  void context.webhooks?.setRelease(key, undefined);
  if (known !== undefined) context.unwritten.delete(known.history);
  context.spinning.delete(key);
  context.untold.delete(key);
  context.accesses.forget(key);
  forgetOwnModule(context, key);
}
