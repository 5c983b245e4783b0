/**
 * Carries out the plan of one render: stage by stage, each waits for the one before it, what left the release goes last.
 *
 * Record first: before an object is made that the record does not list, the record is written with it, so that a
 * controller that dies in between leaves nothing untracked.
 */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import { kindKey } from "../dynamic/kindWatch.ts";
import { type Tracked, trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, type ObjectRef, refKey, refOf } from "../kube/object.ts";
import type { ObjectFacts } from "../release/facts.ts";
import { changedLeaves, digest, fieldManager, holds, leavesOf, ownedFields } from "../release/fields.ts";
import { type ChildAction, type DesiredChild, planChild } from "../release/plan.ts";
import { checkRecord, type InventoryEntry } from "../release/record.ts";
import { applyOver } from "./applyOver.ts";
import type { Access, Context, ReleaseState } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { type AppliedChange, describe } from "./explain.ts";
import type { ReleaseName, ReleaseSpec } from "./releaseSpec.ts";
import { removeLeaving } from "./removal.ts";
import { watchRemoved } from "./removed.ts";
import type { Rendered } from "./render.ts";

/**
 * - `complete`: the cluster is as rendered (children may still be on their way to ready).
 * - `waiting`: an event must come first: a stage gets ready, an object is gone.
 * - `unserved`: the API server does not serve a kind yet whose CRD is ready; no event tells when it does.
 * - `stale`: an input changed meanwhile; the event that says so is in the queue or on its way.
 */
export interface ApplyResult {
  /** `failed`: a stage that does not become ready by waiting. */
  readonly outcome: "complete" | "waiting" | "failed" | "unserved" | "stale";
  readonly message: string;
  readonly changes: AppliedChange[];
  readonly inventory: readonly InventoryEntry[];
  /** resourceVersions of looked-up objects after our own writes to them, by tracked key. */
  readonly seen: ReadonlyMap<string, string>;
}

type ApplyContext = Access & Pick<Context, "metrics" | "now">;

export interface ApplyInput {
  readonly key: string;
  readonly name: ReleaseName;
  /** Of the release's owner. */
  readonly uid: string;
  readonly spec: Pick<ReleaseSpec, "prune">;
  readonly rendered: Rendered;
  readonly draft: Draft;
  readonly state: ReleaseState;
  /**
   * Writes the record with this inventory; called before the first object outside the recorded one is made. False when
   * the owner is gone, and nothing must be made for it.
   */
  recordIntent(inventory: readonly InventoryEntry[]): Promise<boolean>;
}

type Live = ReadonlyMap<string, Tracked<ObjectFacts>>;

export async function applyRelease(context: ApplyContext, input: ApplyInput): Promise<ApplyResult> {
  const { rendered, state } = input;
  const desired = rendered.stages.map((objects, stage) => objects.map(object => desiredChild(object, stage)));
  const inventory = union(state.record.inventory, desired.flat().map(entryOf));
  checkRecord({ ...state.record, lookups: rendered.lookups, inventory });
  const changes: AppliedChange[] = [];
  const seen = new Map(rendered.seen);
  const result = (outcome: ApplyResult["outcome"], message: string): ApplyResult => ({
    outcome,
    message,
    changes,
    inventory: outcome === "complete" ? desired.flat().map(entryOf) : inventory,
    seen,
  });

  const live = new Map<string, Tracked<ObjectFacts>>();
  for (const stage of desired) await watchChildren(context, input.draft, stage, live);
  refuseForeign(input, desired.flat(), live);
  // From here on the cluster may differ from the last success, whatever becomes of this run.
  state.inputs = "";
  state.record = { ...state.record, inputs: "" };
  if (needsRecord(state.record.inventory, desired.flat()) && !(await input.recordIntent(inventory))) {
    return result("stale", "the owner is gone");
  }

  for (const [index, stage] of desired.entries()) {
    // Kinds whose CRD came with an earlier stage are known only now.
    await watchChildren(context, input.draft, stage, live);
    const missing = stage.find(child => !live.has(child.key));
    if (missing !== undefined) return unserved(context, refOf(missing.object), index, result);
    const outcomes = await Promise.all(stage.map(child => applyChild(context, input, child, live, seen)));
    changes.push(...outcomes.map(outcome => outcome.change).filter(change => change !== undefined));
    if (outcomes.some(outcome => outcome.result === "stale")) return result("stale", "an input changed meanwhile");
    const gap = index === desired.length - 1 ? undefined : gapOf(stage, live);
    if (gap !== undefined) return result(gap.outcome, `stage ${index + 1} of ${desired.length}: ${gap.message}`);
    const waiting = stage.filter((_, at) => outcomes[at]?.result === "wait");
    if (waiting.length > 0)
      return result("waiting", `waiting for ${names(waiting)} to be gone before it is made again`);
  }

  const keys = new Set(desired.flat().map(child => refKey(refOf(child.object))));
  const { key, name, uid, draft, spec } = input;
  const listed = union([...state.removed.values().map(({ entry }) => entry)], inventory);
  const removal = { key, name, uid, draft, prune: spec.prune, inventory: listed, keys };
  const { pending, gone } = await removeLeaving(context, removal);
  const children = new Set(desired.flat().map(child => child.key));
  for (const key of state.applied.keys()) if (!children.has(key)) state.applied.delete(key);
  if (pending.length > 0) return result("waiting", `waiting for ${pending.map(describe).join(", ")} to be gone`);
  watchRemoved(state.removed, gone, { index: context.index, draft, now: context.now() });
  return result("complete", "");
}

/** What keeps the next stage waiting; undefined: nothing. */
function gapOf(
  stage: readonly DesiredChild[],
  live: ReadonlyMap<string, Tracked<ObjectFacts>>,
): (Pick<ApplyResult, "message"> & { readonly outcome: "waiting" | "failed" }) | undefined {
  const children = stage.map(child => ({ ref: refOf(child.object), facts: live.get(child.key)?.facts }));
  const failure = children.find(({ facts }) => facts?.failure !== undefined)?.facts?.failure;
  if (failure !== undefined) return { outcome: "failed", message: failure };
  const waiting = children.filter(({ facts }) => facts?.ready !== true);
  if (waiting.length === 0) return undefined;
  const words = waiting.map(({ ref, facts }) => facts?.gap || describe(ref));
  return { outcome: "waiting", message: `waiting for ${words.join(", ")}` };
}

/** Right after its CRD got ready in an earlier stage a kind is not served for some moments. */
function unserved(
  context: Access,
  ref: ObjectRef,
  stage: number,
  result: (outcome: "unserved", message: string) => ApplyResult,
): ApplyResult {
  const object = describe(ref);
  if (stage === 0) throw reconcileErrors.RELEASE_UNKNOWN_KIND({ object });
  context.client.discovery.invalidate(ref.apiVersion);
  return result("unserved", `stage ${stage + 1}: waiting for the API server to serve the kind of ${object}`);
}

function needsRecord(recorded: readonly InventoryEntry[], desired: readonly DesiredChild[]): boolean {
  const keys = new Set(recorded.map(entry => refKey(entry)));
  return desired.some(child => !keys.has(refKey(refOf(child.object))));
}

function desiredChild(object: KubeObject, stage: number): DesiredChild {
  return { key: trackedKey(refOf(object)), stage, object, digest: digest(JSON.stringify(object)) };
}

function entryOf(child: DesiredChild): InventoryEntry {
  return { ...refOf(child.object), stage: child.stage };
}

/** Of two entries for one object the later one counts. */
function union(...lists: readonly (readonly InventoryEntry[])[]): InventoryEntry[] {
  return [...new Map(lists.flat().map(entry => [refKey(entry), entry])).values()];
}

function names(children: readonly DesiredChild[]): string {
  return children.map(child => describe(refOf(child.object))).join(", ");
}

/** Adds the children whose kind is served to `live`; each is watched before it is looked at. */
async function watchChildren(
  context: Access,
  draft: Draft,
  children: readonly DesiredChild[],
  live: Map<string, Tracked<ObjectFacts>>,
): Promise<void> {
  await Promise.all(
    children
      .filter(child => !live.has(child.key))
      .map(async child => {
        const ref = refOf(child.object);
        const type = await context.client.discovery.resolve(ref.apiVersion, ref.kind);
        if (type === undefined) {
          // When it is served, its CRD tells.
          context.index.add(draft, kindKey(ref.apiVersion, ref.kind), "child");
          return;
        }
        context.index.add(draft, child.key, "child");
        const tracked = await context.tracker.track(type, ref, { retain: false });
        if (tracked.error !== undefined) throw tracked.error;
        live.set(child.key, tracked);
      }),
  );
}

/** Refuses before anything is written: a release is applied whole or not at all. */
function refuseForeign(input: ApplyInput, children: readonly DesiredChild[], live: Live): void {
  for (const child of children) {
    const action = plan(input, child, live, new Map());
    if (action.action !== "refuse") continue;
    const object = refKey(refOf(child.object));
    throw reconcileErrors.RELEASE_OWNED_BY_OTHER({ own: input.name.owner, object, other: action.owner });
  }
}

function plan(input: ApplyInput, child: DesiredChild, live: Live, seen: ReadonlyMap<string, string>): ChildAction {
  const tracked = live.get(child.key);
  const applied = input.state.applied.get(child.key);
  const { object } = tracked ?? {};
  return planChild({
    owner: input.name.owner,
    desired: child,
    live: { facts: tracked?.facts, resourceVersion: tracked?.resourceVersion ?? "" },
    applied,
    held: object !== undefined && applied !== undefined && holds(object, child.object, applied.leaves),
    seen: seen.get(child.key),
  });
}

interface ChildOutcome {
  readonly result: "done" | "wait" | "stale";
  readonly change?: AppliedChange;
}

async function applyChild(
  context: ApplyContext,
  input: ApplyInput,
  child: DesiredChild,
  live: Live,
  seen: Map<string, string>,
): Promise<ChildOutcome> {
  const action = plan(input, child, live, seen);
  if (action.action === "keep" || action.action === "follow") context.metrics.applies.inc({ result: "kept" });
  if (action.action === "keep") return { result: "done" };
  if (action.action === "follow") {
    const leaves = leavesOf(child.object);
    input.state.applied.set(child.key, { digest: child.digest, fields: action.fields, leaves });
    return { result: "done" };
  }
  if (action.action === "wait" || action.action === "stale") return { result: action.action };
  if (action.action === "refuse") {
    const object = refKey(refOf(child.object));
    throw reconcileErrors.RELEASE_OWNED_BY_OTHER({ own: input.name.owner, object, other: action.owner });
  }
  const { resourceVersion: before = "", uid = "" } = live.get(child.key) ?? {};
  const isNew = uid === "";
  try {
    const object = await context.tracker.write(child.key, input.key, async () => {
      return (await send(context, child.object, action, { uid, resourceVersion: before })).object;
    });
    const resourceVersion = object.metadata.resourceVersion ?? "";
    if (seen.has(child.key)) seen.set(child.key, resourceVersion);
    const leaves = leavesOf(child.object);
    const former = input.state.applied.get(child.key)?.leaves ?? input.state.history.former?.get(child.key);
    input.state.applied.set(child.key, { digest: child.digest, fields: ownedFields(object), leaves });
    const effective = resourceVersion !== before;
    context.metrics.applies.inc({ result: effective ? (isNew ? "created" : "updated") : "unchanged" });
    if (!effective) return { result: "done" };
    const paths = former === undefined ? undefined : changedLeaves(former, leaves);
    return { result: "done", change: { object: refOf(child.object), why: whyOf(action, paths), paths } };
  } catch (error) {
    const replaced = !isNew && isKubeError(error, "KUBE_NOT_FOUND");
    // Where any version would do, a conflict tells nothing of the inputs.
    const conditional = action.lock !== undefined || !action.force;
    const collided = conditional && isKubeError(error, "KUBE_CONFLICT", "KUBE_FIELD_CONFLICT");
    if (!replaced && !collided) throw error;
    context.metrics.applies.inc({ result: "conflict" });
    return { result: "stale" };
  }
}

/** After a start the former render tells what the first look at the live object could not. */
function whyOf({ why }: { why: AppliedChange["why"] }, paths: string[] | undefined): AppliedChange["why"] {
  if (why !== "unknown" || paths === undefined) return why;
  return paths.length === 0 ? "drifted" : "changed";
}

/**
 * No object has it: etcd's first write makes revision 2. So a creation that arrives late, when the object has been made and
 * has moved on, is a conflict; fields that our own manager applied since would not be one.
 */
const versionOfNone = "1";

function send(
  { client }: Pick<ApplyContext, "client">,
  object: KubeObject,
  { lock, force }: Extract<ChildAction, { action: "apply" }>,
  known: { uid: string; resourceVersion: string },
): Promise<{ object: KubeObject; created: boolean }> {
  const options = { fieldManager, force };
  if (known.uid === "") {
    const metadata = { ...object.metadata, resourceVersion: versionOfNone };
    return client.apply({ ...object, metadata }, options);
  }
  if (lock === undefined) return applyOver(client, object, known, options);
  // The uid too: without it an object that was deleted meanwhile would be made anew with what the flight saw then.
  const metadata = { ...object.metadata, resourceVersion: lock, uid: known.uid };
  return client.apply({ ...object, metadata }, options);
}
