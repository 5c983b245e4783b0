/**
 * The loop of one release: look, render if an input changed, apply, record. The same for every kind of owner.
 *
 * An event only says "look again". What decides is the digest of all inputs (`inputs.ts`). When it equals that of the
 * last success there is nothing to do but to tell whether the children are ready.
 *
 * Two sides: the release itself (lookups, applies, watches of children) goes through `owner.access`; the owner's status
 * and finalizer, and what the controller keeps for itself, go through the context's own client.
 */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, refKey, refOf } from "../kube/object.ts";
import type { InventoryEntry, RevisionRecord } from "../release/record.ts";
import { type Roll, withRoll } from "../release/roll.ts";
import { type ApplyResult, applyRelease } from "./apply.ts";
import { type Cause, withFlightChange } from "./causes.ts";
import type { Context, ReleaseState } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { type AppliedChange, explain } from "./explain.ts";
import { adopt, endRelease } from "./finalizer.ts";
import {
  activateRevision,
  nextRevision,
  recallHistory,
  resumeRevision,
  storeAfter,
  storeRevisions,
} from "./history.ts";
import { calmDown, holdBack } from "./holdBack.ts";
import { changedParts, currentInputs, finishedInputs, ownerPart } from "./inputs.ts";
import { checkPin, sourceOf } from "./modulePin.ts";
import { lookupNeeds, outputNeeds } from "./needs.ts";
import { isSame, type Owner, refOfOwner } from "./owner.ts";
import type { ReleaseSpec } from "./releaseSpec.ts";
import { FlightExit, type Rendered, redacted, releaseObjects, render } from "./render.ts";
import { forgetRelease, moveRelease, restoreRelease } from "./restore.ts";
import { pinnedRevision, revisionStages } from "./rollback.ts";
import { changedKeys, secretKeys } from "./secretKeys.ts";
import type { Ready } from "./status.ts";
import { problemOf, readyFrom, tell, tellFailure, tellProblem } from "./tell.ts";

/** When to look again without an event; undefined: never. */
export interface NextLook {
  readonly requeueAfterMs?: number;
}

/** One run of the loop for an owner that is not being deleted. */
export interface Run {
  readonly context: Context;
  readonly owner: Owner;
  readonly state: ReleaseState;
  readonly spec: ReleaseSpec;
  /** Of the owner's state that is rendered. */
  readonly input: string;
  readonly draft: Draft;
}

export async function reconcileRelease(context: Context, owner: Owner): Promise<NextLook> {
  const listed = owner.object();
  if (listed === undefined) {
    await forgetRelease(context, owner.key);
    return {};
  }
  const state = await restoreRelease(context, owner, listed);
  await moveRelease(context, owner, state);
  context.queue.resume(owner.key, state.record.failures);
  const object = owner.object();
  // Gone, or another one of the same name: its event leads here again.
  if (object === undefined || !isSame(object, listed)) return {};
  if (object.metadata.deletionTimestamp !== undefined) return end(context, owner, object, state);
  // Both of one moment, and before the render: a later change leaves a digest that does not match, hence another run.
  const input = owner.input();
  try {
    const spec = await owner.spec(object);
    if (spec === undefined) return await tellUnloaded(context, owner, object, state);
    const draft = owner.access.index.begin(owner.key);
    return await look({ context, owner, state, spec, input, draft }, object);
  } catch (error) {
    countRender(context, owner, "failed");
    if (isKubeError(error, "KUBE_FORBIDDEN")) owner.access.rights.forget();
    const stated = error instanceof FlightExit ? error.stated : undefined;
    await tellFailure(context, owner, object, state, { error, reason: "Error", action: "Render", stated });
    throw error;
  }
}

async function end(context: Context, owner: Owner, object: KubeObject, state: ReleaseState): Promise<NextLook> {
  try {
    const result = await endRelease(context, owner, object, state);
    return result === "stale" ? { requeueAfterMs: staleRetryMs } : {};
  } catch (error) {
    await tellFailure(context, owner, object, state, { error, reason: "Terminating", action: "Delete" });
    throw error;
  }
}

async function tellUnloaded(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
): Promise<NextLook> {
  const { message, code } = reconcileErrors.FLIGHT_NOT_LOADED({ airway: owner.airway });
  const ready = { status: "False", reason: "Error", message: `${message} (${code})` } as const;
  await tellProblem(context, owner, object, state, { ready, stated: "nothing" });
  return {};
}

async function look(run: Run, object: KubeObject): Promise<NextLook> {
  const { context, owner, state, spec } = run;
  // What an earlier process rendered and could not keep has to be rendered again.
  if (!(await resumeRevision(context, { object, name: owner.name, state }))) forgetInputs(state);
  const inputs = currentInputs(owner, spec);
  // A run that is due was asked for, so it is neither held back nor counted.
  if (!isDue(run)) {
    if (state.inputs !== "" && state.inputs === inputs) return rest(run, object);
    const waitMs = holdBack(run, object, inputs);
    if (waitMs > 0) {
      countRender(context, owner, "held");
      const ready = heldReady(run, inputs);
      await tellReadiness(run, object, ready);
      await keepRevisions(run, object, ready);
      return soonest(nextLook(run), { requeueAfterMs: waitMs });
    }
  }
  // Else it was edited meanwhile, and this run will find that out.
  if (owner.input() === run.input) state.tried = ownerPart(inputs);
  const causes = context.causes.take(owner.key);
  try {
    const next = await renderAndApply(run, object, causes);
    if (next === "stale") context.causes.giveBack(owner.key, causes);
    return next === "stale" ? { requeueAfterMs: staleRetryMs } : next;
  } catch (error) {
    state.problem = problemOf(error, "Error");
    context.causes.giveBack(owner.key, causes);
    throw error;
  }
}

/** Also for the next process: a failure that is told before the render succeeds takes the record along. */
function forgetInputs(state: ReleaseState): void {
  state.inputs = "";
  state.record = { ...state.record, inputs: "" };
}

function countRender({ metrics, tracing }: Context, { airway }: Owner, result: string): void {
  metrics.renders.inc({ airway, result });
  tracing?.describe({ "atc.result": result });
}

/** Nothing changed that matters. */
async function rest(run: Run, object: KubeObject): Promise<NextLook> {
  const { context, owner, state } = run;
  countRender(context, owner, "skipped");
  // What failed is not wanted any more.
  state.problem = undefined;
  state.record = { ...state.record, failures: 0 };
  // A cause that changed no input caused nothing.
  context.causes.forget(owner.key);
  const calm = calmDown(run);
  await tellReadiness(run, object);
  await keepRevisions(run, object);
  return soonest(nextLook(run), calm);
}

/** Nobody may take the children of a former state for those of the one that waits; what failed is not well by waiting. */
function heldReady({ state }: Run, inputs: string): Ready | undefined {
  if (state.problem !== undefined || state.paced === undefined) return state.problem;
  if (!changedParts(state.inputs, inputs).includes("owner")) return undefined;
  return { status: "False", reason: "InProgress", message: state.paced.message };
}

async function tellReadiness(run: Run, object: KubeObject, ready = readyOf(run, object)): Promise<void> {
  const { context, owner, state } = run;
  const stated = context.untold.get(owner.key)?.stated ?? "as before";
  await tell(context, owner, object, state, { ready, stated });
  context.untold.delete(owner.key);
}

/** `stale`: an input changed meanwhile. Its event leads here again; it may also have been seen before. */
async function renderAndApply(run: Run, found: KubeObject, causes: Cause[]): Promise<NextLook | "stale"> {
  const { context, owner, state, spec, input, draft } = run;
  const adopted = await adopt(context, owner, found);
  const object = owner.object();
  const usable = object !== undefined && isSame(object, found) && object.metadata.deletionTimestamp === undefined;
  if (!adopted || !usable || owner.input() !== input) return "stale";
  const { key, name, access } = owner;
  await recallHistory(context, { object: found, name, state });
  // Known from here on: nothing of this kind may fail between apply and record.
  const secret = await context.keyring.key();
  const rendered = await renderOrRecall(run, object);
  await access.rights.require(await outputNeeds(access.client.discovery, rendered.stages));
  const renderedAt = new Date(context.now()).toISOString();
  const result = await applyRelease(
    { ...access, metrics: context.metrics },
    {
      key,
      name,
      uid: object.metadata.uid ?? "",
      spec,
      rendered,
      draft,
      state,
      recordIntent: inventory => recordIntent(run, object, rendered, inventory),
    },
  ).catch(error => {
    // The API server quotes what it refuses, and a flight may have put a secret there.
    throw redacted(error, rendered.redact);
  });
  countRender(context, owner, "rendered");
  if (result.outcome === "stale") return "stale";
  observePatches(run, causes, result.changes);
  if (result.outcome === "complete") for (const orphan of access.index.commit(draft)) access.tracker.untrack(orphan);
  const settled = result.outcome === "complete" && !rendered.unknownKinds;
  const inputs = settled ? finishedInputs({ spec, input, state }, result.seen, draft) : "";
  const revision = result.outcome === "complete" ? await revisionOf(run, object, rendered) : state.record.revision;
  const flights = { before: state.record.flight, after: rendered.flight };
  const known = withFlightChange(causes, flights, refOfOwner(owner, object));
  const roll = rollOf(run, { rendered, renderedAt, causes: known, result, revision, secret });
  state.lastRun = context.now();
  state.problem = undefined;
  state.record = {
    flight: rendered.flight === "" ? state.record.flight : rendered.flight,
    inputs,
    lookups: rendered.lookups,
    inventory: result.inventory,
    rolls: roll === undefined ? state.record.rolls : withRoll(roll, state.record.rolls),
    failures: 0,
    stated: state.record.stated,
    revision,
  };
  if (roll !== undefined) announce(run, object, roll);
  const ready: Ready =
    result.outcome === "complete"
      ? readyOf(run, object)
      : { status: "False", reason: result.outcome === "failed" ? "Error" : "InProgress", message: result.message };
  const stated = rendered.stated ?? "nothing";
  if (settled && canWait(run, object, causes)) {
    context.untold.set(key, { stated, tell: () => tellReadiness(run, object) });
    state.inputs = inputs;
    return soonest(looksAfter(run, rendered, result), calmDown(run), { requeueAfterMs: 1 });
  }
  await tell(context, owner, object, state, { ready, stated });
  context.untold.delete(key);
  // Not before: a status that was not written is rendered again, because only the flight knows its part of it.
  state.inputs = inputs;
  await keepRevisions(run, object);
  return soonest(looksAfter(run, rendered, result), calmDown(run));
}

/**
 * Of a Secret that a thousand releases look up, the rolls go first and the words about them after: the run that is queued
 * with low priority writes them. A process that dies in between renders again. Who edits an owner gets an answer at once.
 */
function canWait({ context }: Run, object: KubeObject, causes: readonly Cause[]): boolean {
  const own = refKey(refOf(object));
  return context.queue.pressed() && causes.every(cause => refKey(cause.object) !== own);
}

/** What the flight makes of the owner, or what the revision holds that the owner asks for. */
async function renderOrRecall(run: Run, object: KubeObject): Promise<Rendered> {
  const { context, owner, state, spec, draft } = run;
  const { name, type, access } = owner;
  const input = { type, name, spec, object };
  const pinned = pinnedRevision(object);
  if (pinned !== undefined) {
    const { stages } = await releaseObjects(access, input, await revisionStages(context, { name, state }, pinned));
    return {
      stages,
      stated: undefined,
      ...{ seen: new Map(), lookups: [], secrets: new Map(), unknownKinds: false, flight: "" },
      ...{ milliseconds: 0, waitedMilliseconds: 0 },
      redact: text => text,
    };
  }
  await access.rights.require(await lookupNeeds(access.client.discovery, spec));
  await checkPin(context, { object, name, state }, spec);
  const rendered = await render({ ...access, sandbox: context.sandbox }, input, { ...access, draft });
  context.metrics.renderSeconds.observe({ airway: owner.airway }, rendered.milliseconds / 1000);
  context.metrics.sandboxWaitSeconds.observe(rendered.waitedMilliseconds / 1000);
  return rendered;
}

function revisionOf(run: Run, object: KubeObject, { stages }: Rendered): Promise<RevisionRecord> {
  const { context, owner, state, spec } = run;
  const subject = { object, name: owner.name, state };
  const pinned = pinnedRevision(object);
  if (pinned !== undefined) return activateRevision(context, subject, pinned, stages);
  return nextRevision(context, subject, { stages, source: sourceOf(spec), cap: spec.historyCapSize });
}

/** Behind the roll, when its time has come. */
async function keepRevisions(run: Run, object: KubeObject, ready?: Ready): Promise<void> {
  const { context, owner, state, spec } = run;
  const after = storeAfter(state.history, context.now(), context.queue.pressed());
  if (after === undefined || after > 0) return;
  await storeRevisions(context, { object, name: owner.name, state }, spec.historyCapSize);
  await tellReadiness(run, object, ready);
}

function readyOf({ owner, state }: Run, object: KubeObject): Ready {
  const ready = readyFrom(owner.access, state.record);
  const pinned = pinnedRevision(object);
  return pinned === undefined ? ready : { ...ready, message: `pinned to revision ${pinned}: ${ready.message}` };
}

function looksAfter(run: Run, rendered: Rendered, result: ApplyResult): NextLook {
  return soonest(
    nextLook(run),
    rendered.unknownKinds ? { requeueAfterMs: unknownKindRetryMs } : {},
    result.outcome === "unserved" ? { requeueAfterMs: servedRetryMs } : {},
  );
}

function soonest(...looks: readonly NextLook[]): NextLook {
  const times = looks.flatMap(({ requeueAfterMs }) => (requeueAfterMs === undefined ? [] : [requeueAfterMs]));
  return times.length === 0 ? {} : { requeueAfterMs: Math.max(1, Math.min(...times)) };
}

/** For a write that met a newer version: its event may have been seen already, or may be none that queues a run. */
const staleRetryMs = 500;
/** No event tells that a kind is served from now on: one that nobody promised, and one whose CRD is ready. */
const unknownKindRetryMs = 60_000;
const servedRetryMs = 100;

function recordIntent(
  { state, context, owner }: Run,
  object: KubeObject,
  { stated }: Rendered,
  inventory: readonly InventoryEntry[],
): Promise<boolean> {
  const record = { ...state.record, inputs: "", inventory };
  const message = `applying ${inventory.length} ${inventory.length === 1 ? "object" : "objects"}`;
  const ready = { status: "False", reason: "InProgress", message } as const;
  return tell(context, owner, object, state, { ready, stated: stated ?? "nothing", record });
}

function isDue({ spec, state, context }: Run): boolean {
  return spec.fixDriftIntervalMs !== undefined && context.now() - state.lastRun >= spec.fixDriftIntervalMs;
}

function nextLook({ spec, state, context }: Run): NextLook {
  const { fixDriftIntervalMs: drift, lookAgainMs: ask } = spec;
  const store = storeAfter(state.history, context.now());
  return soonest(
    drift === undefined ? {} : { requeueAfterMs: state.lastRun + drift - context.now() },
    ask === undefined ? {} : { requeueAfterMs: ask },
    store === undefined ? {} : { requeueAfterMs: store },
  );
}

interface Rolled {
  readonly rendered: Rendered;
  readonly renderedAt: string;
  readonly causes: readonly Cause[];
  readonly result: ApplyResult;
  readonly revision: RevisionRecord;
  /** Of the keyring. */
  readonly secret: Uint8Array;
}

/** What this run did and why; undefined when it changed nothing. */
function rollOf(
  { context, state }: Run,
  { rendered, renderedAt, causes, result, revision, secret: key }: Rolled,
): Roll | undefined {
  const before = state.secretKeys;
  state.secretKeys = new Map([...rendered.secrets].map(([tracked, secret]) => [tracked, secretKeys(secret, key)]));
  const { changes } = result;
  if (changes.length === 0) return undefined;
  return {
    renderedAt,
    time: new Date(context.now()).toISOString(),
    cause: rendered.redact(explain(causes, changes)),
    flight: rendered.flight,
    revision: result.outcome === "complete" ? revision.name : "",
    causes: causes.map(({ change, object, resourceVersion }) => {
      const tracked = trackedKey(object);
      const keys = changedKeys(before.get(tracked), state.secretKeys.get(tracked));
      return { change, object, resourceVersion, keys };
    }),
    changes: changes.map(({ object, why, paths = [] }) => ({ object, why, paths: paths.map(rendered.redact) })),
  };
}

function announce({ context, owner }: Run, object: KubeObject, { cause, flight, causes: [first] }: Roll): void {
  const note = flight === "" ? cause : `${cause}; flight ${flight.slice(0, shownDigest)}`;
  const related = first === undefined ? {} : { related: { ...first.object, resourceVersion: first.resourceVersion } };
  context.events.record(object, { type: "Normal", reason: "Applied", action: "Apply", note, ...related });
  const { namespace = "", name } = object.metadata;
  context.log.info({ airway: owner.airway, namespace, name, cause, flight }, "applied");
}

/** `sha256:` and twelve digits tell two flights apart. */
const shownDigest = 19;

function observePatches({ context, owner }: Run, causes: Cause[], changes: AppliedChange[]): void {
  const first = causes.find(cause => cause.change !== "started");
  if (first === undefined || changes.length === 0) return;
  const seconds = (performance.now() - first.at) / 1000;
  context.metrics.eventToPatchSeconds.observe({ airway: owner.airway }, seconds);
}
