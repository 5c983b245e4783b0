/**
 * A module that one owner names for itself: a Flight's, or that of an instance with an override. What it is read from
 * is watched with the controller's own rights, apart from what the release depends on.
 */

import type { FlightModule } from "../flight/sandbox.ts";
import type { KubeObject } from "../kube/object.ts";
import type { ModuleRequest } from "../modules/store.ts";
import { readConfigMap } from "./airwayFlight.ts";
import { type Context, forgetDependencies } from "./context.ts";
import { moduleKey } from "./keys.ts";
import { watchedObject } from "./watchedObject.ts";

export interface OwnModule {
  readonly module: FlightModule;
  /** When the URL has to be asked again; undefined: never, or a watch tells. */
  readonly lookAgainMs: number | undefined;
}

/** @throws what `ModuleStore.load` throws; allow-list and signatures count here, too (W12) */
export async function loadOwnModule(
  context: Context,
  key: string,
  owner: KubeObject,
  request: Pick<ModuleRequest, "url" | "checksum" | "insecure">,
): Promise<OwnModule> {
  const draft = context.index.begin(moduleKey(key));
  const { module, problem, lookAgainMs } = await context.modules.load({
    ...request,
    readConfigMap: url => readConfigMap(url, ref => watchedObject(context, draft, ref)),
  });
  for (const orphan of context.index.commit(draft)) context.tracker.untrack(orphan);
  if (problem !== undefined) {
    const note = `${problem.message} (${problem.code}); the flight stays sha256:${module.digest}`;
    context.events.record(owner, { type: "Warning", reason: "Error", action: "Load", note });
  }
  return { module, lookAgainMs };
}

/** The owner names none any more, or is gone. */
export function forgetOwnModule(context: Pick<Context, "index" | "tracker">, key: string): void {
  forgetDependencies(context, moduleKey(key));
}
