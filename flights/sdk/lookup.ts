import { currentCall, type RefusalState } from "./host.ts";
import type { Kind, Resource } from "./kinds.ts";

/** A lookup that has no answer for another reason than that there is no such object. */
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
 * A name alone means the namespace of the instance.
 *
 * @throws LookupError
 */
export function lookup<T extends Resource>(
  kind: Kind<T>,
  which: string | { readonly name: string; readonly namespace: string },
): T | undefined {
  const call = currentCall();
  const { name, namespace } =
    typeof which === "string" ? { name: which, namespace: call.env["NAMESPACE"] ?? "" } : which;
  const place = kind.scope === "Cluster" ? "" : namespace;
  const reply = call.lookup({ apiVersion: kind.apiVersion, kind: kind.kind, namespace: place, name });
  if (reply.state === "ok") return reply.object as T;
  if (reply.state === "not-found") return undefined;
  const object = `${kind.kind} ${place === "" ? name : `${place}/${name}`}`;
  throw new LookupError(reply.state, `lookup of ${object}: ${reply.message || reply.state}`);
}
