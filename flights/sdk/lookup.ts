import { currentCall, type RefusalState, type RestMapping } from "./host.ts";
import type { Kind, Resource } from "./kinds.ts";

/** A question that has no answer for another reason than that there is no such object or kind. */
export class LookupError extends Error {
  /** `no-access`: the Airway does not set clusterAccess. `forbidden`: not of this release, and no matcher covers it. */
  readonly state: RefusalState;

  constructor(state: RefusalState, message: string) {
    super(message);
    this.name = "LookupError";
    this.state = state;
  }
}

/**
 * The live object, or undefined where there is none. In dynamic mode the flight runs again when the answer changes.
 *
 * A name alone means the namespace of the release.
 *
 * @throws LookupError
 */
export function lookup<T extends Resource>(
  kind: Kind<T>,
  which: string | { readonly name: string; readonly namespace: string },
): T | undefined {
  const call = currentCall("lookup");
  const { name, namespace } =
    typeof which === "string" ? { name: which, namespace: call.env["NAMESPACE"] ?? "" } : which;
  const place = kind.scope === "Cluster" ? "" : namespace;
  const reply = call.lookup({ apiVersion: kind.apiVersion, kind: kind.kind, namespace: place, name });
  if (reply.state === "ok") return reply.object as T;
  if (reply.state === "not-found") return undefined;
  const object = `${kind.kind} ${place === "" ? name : `${place}/${name}`}`;
  throw new LookupError(reply.state, `lookup of ${object}: ${reply.message || reply.state}`);
}

/**
 * Where the cluster serves a kind, or undefined where it does not: to render a ServiceMonitor only where there are some.
 *
 * @param group `apps`, or with the version `apps/v1`; "" or `v1` is the core group
 * @throws LookupError
 */
export function restMapping(group: string, kind: string): RestMapping | undefined {
  const reply = currentCall("restMapping").restMapping({ apiVersion: group, kind });
  if (reply.state === "ok") return reply.mapping;
  if (reply.state === "not-found") return undefined;
  throw new LookupError(reply.state, `mapping of ${kind} in "${group}": ${reply.message || reply.state}`);
}
