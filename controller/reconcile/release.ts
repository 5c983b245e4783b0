/**
 * The loop of one release: look, render if an input changed, apply, record. The same for every kind of owner.
 *
 * An event only says "look again". What decides is the digest of all inputs (`inputs.ts`). When it equals that of the
 * last success there is nothing to do but to tell whether the children are ready.
 *
 * Two sides: the release itself (lookups, applies, watches of children) goes through `owner.access`; the owner's status
 * and finalizer, and what the controller keeps for itself, go through the context's own client.
 */

import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Context, ReleaseState } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { endRelease } from "./finalizer.ts";
import { resumeRevision } from "./history.ts";
import { calmDown, holdBack } from "./holdBack.ts";
import { changedParts, currentInputs, ownerPart } from "./inputs.ts";
import { isSame, type Owner } from "./owner.ts";
import { forgetRemoved, isBack } from "./removed.ts";
import { FlightExit } from "./render.ts";
import { renderAndApply } from "./renderAndApply.ts";
import { forgetRelease, moveRelease, restoreRelease } from "./restore.ts";
import { countRender, keepRevisions, type NextLook, nextLook, type Run, soonest, tellReadiness } from "./run.ts";
import type { Ready } from "./status.ts";
import { problemOf, tellFailure, tellProblem } from "./tell.ts";

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
  let run: Run | undefined;
  try {
    const spec = await owner.spec(object);
    if (spec === undefined) return await tellUnloaded(context, owner, object, state);
    const draft = owner.access.index.begin(owner.key);
    run = { context, owner, state, spec, input, draft };
    return await look(run, object);
  } catch (error) {
    countRender(context, owner, "failed");
    if (isKubeError(error, "KUBE_FORBIDDEN")) owner.access.rights.forget();
    const stated = error instanceof FlightExit ? error.stated : undefined;
    await tellFailure(context, owner, object, state, { error, reason: "Error", action: "Render", stated });
    const ready = problemOf(error, "Error");
    // What rolled shortly before this: the way back, and no run may succeed to keep it.
    if (run !== undefined && ready !== undefined) await keepRevisions(run, object, ready);
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
  forgetRemoved(owner, state.removed, context.now());
  const inputs = currentInputs(owner, spec, state);
  // A run that is due was asked for, so it is neither held back nor counted.
  if (!isDue(run)) {
    if (state.inputs !== "" && state.inputs === inputs && !isBack(owner, state.removed)) return rest(run, object);
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

function isDue({ spec, state, context }: Run): boolean {
  return spec.fixDriftIntervalMs !== undefined && context.now() - state.lastRun >= spec.fixDriftIntervalMs;
}

/** For a write that met a newer version: its event may have been seen already, or may be none that queues a run. */
const staleRetryMs = 500;
