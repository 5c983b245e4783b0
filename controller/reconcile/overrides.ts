/**
 * What an instance's annotations change for that instance alone (contract §2.3). Who may set them is decided when they
 * are written, by the instance's webhook; what they may name is decided here again.
 */

import { annotationOf, overrideFlight } from "../admission/overrides.ts";
import type { Mode } from "../airway/spec.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Context } from "./context.ts";
import { reconcileErrors } from "./errors.ts";

/**
 * URL of another flight; undefined: the Airway's. It runs with all that the Airway may look up, so it counts only where
 * a webhook asks whoever sets it for the right to change Airways.
 *
 * @throws RELEASE_OVERRIDE_UNGUARDED
 */
export function overridingFlight(instance: KubeObject, { webhooks }: Guard): string | undefined {
  const url = annotationOf(instance, overrideFlight);
  if (url === "") return undefined;
  if (webhooks === undefined) throw reconcileErrors.RELEASE_OVERRIDE_UNGUARDED({ annotation: overrideFlight });
  return url;
}

/** Webhooks, or none. */
type Guard = Pick<Context, "webhooks">;

/**
 * Static mode is kept by the webhooks that deny edits; without them it would promise what nobody keeps.
 *
 * @throws RELEASE_STATIC_UNGUARDED
 */
export function refuseUnguarded(mode: Mode, { webhooks }: Guard): void {
  if (mode === "static" && webhooks === undefined) throw reconcileErrors.RELEASE_STATIC_UNGUARDED({});
}
