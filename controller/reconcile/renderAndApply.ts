/** The part of a run that changes something: the flight's output, or that of a pinned revision, applied and recorded. */

import { trackedKey } from "../dynamic/tracker.ts";
import { type KubeObject, refKey, refOf } from "../kube/object.ts";
import type { InventoryEntry, RevisionRecord } from "../release/record.ts";
import { type Roll, withRoll } from "../release/roll.ts";
import { type ApplyResult, applyRelease } from "./apply.ts";
import { type Cause, withFlightChange } from "./causes.ts";
import { type AppliedChange, explain } from "./explain.ts";
import { adopt } from "./finalizer.ts";
import { activateRevision, nextRevision, recallHistory } from "./history.ts";
import { calmDown } from "./holdBack.ts";
import { finishedInputs } from "./inputs.ts";
import { checkPin, sourceOf } from "./modulePin.ts";
import { lookupNeeds, outputNeeds } from "./needs.ts";
import { isSame, refOfOwner } from "./owner.ts";
import { type Rendered, redacted, releaseObjects, render } from "./render.ts";
import { pinnedRevision, revisionStages } from "./rollback.ts";
import {
  countRender,
  keepRevisions,
  type NextLook,
  nextLook,
  type Run,
  readyOf,
  soonest,
  tellReadiness,
} from "./run.ts";
import { changedKeys, secretKeys } from "./secretKeys.ts";
import type { Ready } from "./status.ts";
import { tell } from "./tell.ts";

/** `stale`: an input changed meanwhile. Its event leads here again; it may also have been seen before. */
export async function renderAndApply(run: Run, found: KubeObject, causes: Cause[]): Promise<NextLook | "stale"> {
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
    { ...access, metrics: context.metrics, now: context.now },
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

function looksAfter(run: Run, rendered: Rendered, result: ApplyResult): NextLook {
  return soonest(
    nextLook(run),
    rendered.unknownKinds ? { requeueAfterMs: unknownKindRetryMs } : {},
    result.outcome === "unserved" ? { requeueAfterMs: servedRetryMs } : {},
  );
}

/** No event tells that a kind is served from now on: one that nobody promised, and one whose CRD is ready. */
const unknownKindRetryMs = 60_000;
const servedRetryMs = 100;

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
