/**
 * The Ready condition and the release record of an Airway or instance: one server-side apply on `/status`, and none
 * when nothing would change.
 *
 * Server-side apply merges conditions by their type, so conditions of others stay and there is nothing to conflict with
 * (yoke writes full PUTs and retries; contract §1.3).
 */

import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import type { ReleaseRecord } from "../release/record.ts";
import { writeRecord } from "../release/record.ts";
import type { Context } from "./context.ts";

export const statusManager = "yoke.cd/atc";

export interface Ready {
  readonly status: "True" | "False";
  readonly reason: "InProgress" | "Ready" | "Error" | "Terminating";
  readonly message: string;
}

interface Condition extends Ready {
  readonly type: "Ready";
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** A condition's message is bounded by the API conventions to 32768 characters; this much a person reads. */
const longestMessage = 4000;

/**
 * Writes the status if it differs. Returns the object as it is afterwards; undefined when it is gone or was replaced by
 * another of the same name, in which case there is nobody to tell.
 */
export async function writeStatus(
  context: Pick<Context, "client" | "now">,
  object: KubeObject,
  ready: Ready,
  record?: ReleaseRecord,
): Promise<KubeObject | undefined> {
  const wanted = { ...ready, message: ready.message.slice(0, longestMessage) };
  const status = object["status"] as { conditions?: Condition[]; atc?: unknown } | undefined;
  const present = status?.conditions?.find(condition => condition.type === "Ready");
  const observedGeneration = object.metadata.generation ?? 0;
  const atc = record === undefined ? undefined : writeRecord(record);
  if (present !== undefined && same(present, wanted, observedGeneration) && sameRecord(status?.atc, atc)) return object;
  const lastTransitionTime =
    present?.status === wanted.status && present.lastTransitionTime !== undefined
      ? present.lastTransitionTime
      : new Date(context.now()).toISOString().replace(/\.\d+Z$/, "Z");
  const condition: Condition = { type: "Ready", ...wanted, observedGeneration, lastTransitionTime };
  const { name, namespace, uid } = object.metadata;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
  const body: KubeObject = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata,
    status: { conditions: [condition], ...(atc === undefined ? {} : { atc }) },
  };
  try {
    const options = { fieldManager: statusManager, force: true, subresource: "status" } as const;
    return (await context.client.apply(body, options)).object;
  } catch (error) {
    if (isKubeError(error, "KUBE_NOT_FOUND", "KUBE_CONFLICT")) return undefined;
    throw error;
  }
}

function same(present: Condition, wanted: Ready, observedGeneration: number): boolean {
  return (
    present.status === wanted.status &&
    present.reason === wanted.reason &&
    present.message === wanted.message &&
    present.observedGeneration === observedGeneration
  );
}

/**
 * The digest of the inputs is left out of the comparison: a run whose inputs differ and whose result does not is no
 * reason for a write. After a restart such an instance is rendered once more, which is harmless.
 */
function sameRecord(present: unknown, wanted: Record<string, unknown> | undefined): boolean {
  if (wanted === undefined) return true;
  return canonical(present) === canonical(wanted);
}

/** The API server keeps no order of fields. */
function canonical(record: unknown): string {
  return JSON.stringify(record, (key, value: unknown) => {
    if (key === "inputs") return undefined;
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
