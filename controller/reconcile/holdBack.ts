/** Slows a release down: the decisions of `hold.ts` and `pace.ts`, taken and told. */

import type { KubeObject } from "../kube/object.ts";
import { holdOf, minRollInterval, spinning } from "./hold.ts";
import { changedParts, ownerPart } from "./inputs.ts";
import { closesAfter, paceAfterRender, paceAt } from "./pace.ts";
import type { NextLook, Run } from "./run.ts";

/** Milliseconds for which the render has to wait; 0: it begins now, and is counted. `state.paced` says why. */
export function holdBack({ context, owner, state, spec }: Run, object: KubeObject, inputs: string): number {
  const now = context.now();
  const changed = changedParts(state.inputs, inputs);
  const edited = ownerPart(inputs) !== state.tried;
  const causes = context.causes.pending(owner.key);
  const [last] = state.record.rolls;
  const lastRoll = last === undefined ? undefined : Date.parse(last.time);
  const minRollIntervalMs = minRollInterval(spec.minRollIntervalMs, object);
  const hold = holdOf({ pace: state.pace, changed, edited, causes, minRollIntervalMs, lastRoll, now });
  if (hold !== undefined) {
    state.paced = { reason: hold.reason, message: hold.message };
    return hold.waitMs;
  }
  const wasOpen = state.pace.pauseMs > 0;
  state.pace = paceAfterRender(state.pace, context.paceLimits, now);
  state.paced = state.pace.pauseMs > 0 ? spinning(state.pace, causes) : undefined;
  if (state.paced !== undefined && !wasOpen) {
    const { reason, message: note } = state.paced;
    context.spinning.add(owner.key);
    context.events.record(object, { type: "Warning", reason, action: "Render", note });
  }
  if (state.paced === undefined) context.spinning.delete(owner.key);
  return 0;
}

/** When nothing calls for a render: closes the breaker in time, or says when to look again. */
export function calmDown({ context, owner, state }: Run): NextLook {
  const now = context.now();
  state.pace = paceAt(state.pace, context.paceLimits, now);
  const requeueAfterMs = closesAfter(state.pace, now);
  if (requeueAfterMs !== undefined) return { requeueAfterMs };
  state.paced = undefined;
  context.spinning.delete(owner.key);
  return {};
}
