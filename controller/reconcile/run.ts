/** One run of a release's loop, and what each ends with: words to the owner, revisions behind the roll, the next look. */

import type { Draft } from "../dynamic/dependencyIndex.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Context, ReleaseState } from "./context.ts";
import { storeAfter, storeRevisions } from "./history.ts";
import type { Owner } from "./owner.ts";
import type { ReleaseSpec } from "./releaseSpec.ts";
import { pinnedRevision } from "./rollback.ts";
import type { Ready } from "./status.ts";
import { readyFrom, tell } from "./tell.ts";

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

export function countRender({ metrics, tracing }: Context, { airway }: Owner, result: string): void {
  metrics.renders.inc({ airway, result });
  tracing?.describe({ "atc.result": result });
}

export async function tellReadiness(run: Run, object: KubeObject, ready = readyOf(run, object)): Promise<void> {
  const { context, owner, state } = run;
  const stated = context.untold.get(owner.key)?.stated ?? "as before";
  await tell(context, owner, object, state, { ready, stated });
  context.untold.delete(owner.key);
}

export function readyOf({ owner, state }: Run, object: KubeObject): Ready {
  const ready = readyFrom(owner.access, state.record);
  const pinned = pinnedRevision(object);
  return pinned === undefined ? ready : { ...ready, message: `pinned to revision ${pinned}: ${ready.message}` };
}

/** Behind the roll, when its time has come. */
export async function keepRevisions(run: Run, object: KubeObject, ready?: Ready): Promise<void> {
  const { context, owner, state, spec } = run;
  const after = storeAfter(state.history, context.now(), context.queue.pressed());
  if (after === undefined || after > 0) return;
  await storeRevisions(context, { object, name: owner.name, state }, spec.historyCapSize);
  await tellReadiness(run, object, ready);
}

export function nextLook({ spec, state, context }: Run): NextLook {
  const { fixDriftIntervalMs: drift, lookAgainMs: ask } = spec;
  const store = storeAfter(state.history, context.now());
  return soonest(
    drift === undefined ? {} : { requeueAfterMs: state.lastRun + drift - context.now() },
    ask === undefined ? {} : { requeueAfterMs: ask },
    store === undefined ? {} : { requeueAfterMs: store },
    ...state.removed.values().map(({ until }) => ({ requeueAfterMs: until - context.now() })),
  );
}

export function soonest(...looks: readonly NextLook[]): NextLook {
  const times = looks.flatMap(({ requeueAfterMs }) => (requeueAfterMs === undefined ? [] : [requeueAfterMs]));
  return times.length === 0 ? {} : { requeueAfterMs: Math.max(1, Math.min(...times)) };
}
