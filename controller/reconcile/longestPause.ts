/** How long a run that fails again and again is left alone. */

import { CodedError } from "../../lib/errors.ts";
import { isKubeError } from "../kube/errors.ts";

/**
 * Most failures end with a change that is watched: of the instance, the flight, an object. Of the others no event tells
 * the end, be it the API server's trouble, a missing right or a kind that is not served, so they are not left for long.
 */
export function longestPause(error: unknown): number {
  if (isModuleError(error)) return 60_000;
  const untold = isKubeError(error) ? !isKubeError(error, "KUBE_INVALID") : isUntold(error);
  return untold ? 10_000 : 15 * 60_000;
}

/** What is at a URL changes without an event; a look costs little. */
function isModuleError(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith("MODULE_");
}

const untoldCodes = [
  "RELEASE_KIND_UNKNOWN",
  "RELEASE_UNKNOWN_KIND",
  "RELEASE_RIGHTS_MISSING",
  "RELEASE_ACCOUNT_MISSING",
  "RELEASE_IMPERSONATION_REFUSED",
];

function isUntold(error: unknown): boolean {
  return error instanceof CodedError && untoldCodes.includes(error.code);
}
