/**
 * The status of an Airway or of the owner of a release: the Ready condition, the record, and what the flight says. One
 * server-side apply on `/status`, and none when nothing would change.
 *
 * Server-side apply merges conditions by their type, so conditions of others stay and there is nothing to conflict with
 * (yoke writes full PUTs and retries; contract §1.3).
 */

import { isRecord } from "../../lib/json.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { noStatus, type OwnerStatus, type StatedCondition } from "../release/ownerStatus.ts";
import { applyOver } from "./applyOver.ts";
import type { Context } from "./context.ts";
import type { Paced } from "./hold.ts";

export interface Ready {
  readonly status: "True" | "False";
  readonly reason: "InProgress" | "Ready" | "Error" | "Terminating";
  readonly message: string;
}

export interface Telling {
  readonly ready: Ready;
  /** What the controller remembers: of an instance the release record, of an Airway its flight. */
  readonly atc?: Readonly<Record<string, unknown>>;
  /** Why it renders less often than it is called upon; see `hold.ts`. */
  readonly paced?: Paced | undefined;
  /** What stands beside the controller's own. A Ready condition in it stands in place of `ready`. */
  readonly beside?: OwnerStatus;
}

type Condition = Required<StatedCondition>;

/** A condition's message is bounded by the API conventions to 32768 characters; this much a person reads. */
const longestMessage = 4000;

/**
 * Writes the status if it differs. Returns the object as it is afterwards; undefined when it is gone or was replaced by
 * another of the same name, in which case there is nobody to tell.
 */
export async function writeStatus(
  context: Pick<Context, "client" | "now">,
  object: KubeObject,
  { ready, atc, beside = noStatus, paced }: Telling,
): Promise<KubeObject | undefined> {
  const present = (object["status"] ?? {}) as Record<string, unknown>;
  const stated = beside.conditions.some(({ type }) => type === "Ready")
    ? beside.conditions
    : [...beside.conditions, { type: "Ready", ...ready, message: ready.message.slice(0, longestMessage) }];
  const conditions = completed([...stated, ...pacedConditions(object, paced)], object, new Date(context.now()));
  const status = { ...beside.fields, conditions, ...(atc === undefined ? {} : { atc }) };
  if (holds(present, status, ready)) return object;
  const { name, namespace, uid = "", resourceVersion = "" } = object.metadata;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const body: KubeObject = { apiVersion: object.apiVersion, kind: object.kind, metadata, status };
  try {
    const options = { fieldManager: controllerName, force: true, subresource: "status" } as const;
    return (await applyOver(context.client, body, { uid, resourceVersion }, options)).object;
  } catch (error) {
    if (isKubeError(error, "KUBE_NOT_FOUND", "KUBE_CONFLICT")) return undefined;
    throw error;
  }
}

/** None where there never was one; when it ends it is told once that it did. */
function pacedConditions(object: KubeObject, paced: Paced | undefined): StatedCondition[] {
  const type = "Paced";
  if (paced !== undefined) return [{ type, status: "True", ...paced }];
  const { conditions = [] } = (object["status"] ?? {}) as { conditions?: Condition[] };
  if (!conditions.some(condition => condition.type === type && condition.status === "True")) return [];
  return [{ type, status: "False", reason: "AtRest", message: "rolls as soon as an input changes" }];
}

/** The transition is that of `status` alone, as the API conventions have it. */
function completed(stated: readonly StatedCondition[], object: KubeObject, now: Date): Condition[] {
  const { conditions: present = [] } = (object["status"] ?? {}) as { conditions?: Condition[] };
  return stated.map(condition => {
    const former = present.find(({ type }) => type === condition.type);
    const moved = former?.status !== condition.status || former.lastTransitionTime === undefined;
    const lastTransitionTime = moved ? now.toISOString().replace(/\.\d+Z$/, "Z") : former.lastTransitionTime;
    return { observedGeneration: object.metadata.generation ?? 0, lastTransitionTime, ...condition };
  });
}

/** Conditions of others do not matter, and no field that is in the present status alone. */
function holds(
  present: Record<string, unknown>,
  wanted: { conditions: Condition[] } & Record<string, unknown>,
  ready: Ready,
): boolean {
  const { conditions, ...fields } = wanted;
  const formerly = (present["conditions"] ?? []) as Condition[];
  return (
    Object.entries(fields).every(([field, value]) => same(field, present[field], value, ready)) &&
    conditions.every(condition =>
      same(
        "",
        formerly.find(({ type }) => type === condition.type),
        condition,
        ready,
      ),
    )
  );
}

/**
 * The digest of the inputs is left out of the comparison of records: a run whose inputs differ and whose result does
 * not is no reason for a write. After a restart such an instance is rendered once more, which is harmless. That a
 * revision was written can wait for the write that tells of readiness.
 */
function same(field: string, present: unknown, wanted: unknown, { reason }: Ready): boolean {
  const left = field !== "atc" ? [] : reason === "InProgress" ? ["inputs", "pending", "former"] : ["inputs"];
  return canonical(present, left) === canonical(wanted, left);
}

/** The API server keeps no order of fields. */
function canonical(value: unknown, left: readonly string[]): string {
  return (
    JSON.stringify(value, (key, inner: unknown) => {
      if (left.includes(key)) return undefined;
      if (!isRecord(inner)) return inner;
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? ""
  );
}
