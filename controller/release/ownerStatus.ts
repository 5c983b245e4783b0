/**
 * What a flight says of its own instance: the status of the instance in its output (contract §4.5). Pure.
 *
 * The controller writes it with its own Ready condition and record in one request, and must repeat it in each of its
 * later writes: what a server-side apply leaves out goes away. So the record names what came from the flight.
 */

import { isRecord, recordOf, recordsOf } from "../../lib/json.ts";
import { type KubeObject, refKey, refOf } from "../kube/object.ts";
import { errors } from "./errors.ts";

/** A condition as a flight may state it; the controller fills in what is absent. */
export interface StatedCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

export interface OwnerStatus {
  /** Everything but `conditions` and the controller's own `atc`. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly conditions: readonly StatedCondition[];
}

/** What of a status came from the flight. */
export interface StatusNames {
  readonly fields: readonly string[];
  /** Types. */
  readonly conditions: readonly string[];
}

export const noStatus: OwnerStatus = { fields: {}, conditions: [] };
export const noNames: StatusNames = { fields: [], conditions: [] };

/**
 * The status in the returned instance; undefined when it has none, so that nothing is said.
 *
 * @throws RELEASE_OBJECT_INVALID
 */
export function statedStatus(returned: KubeObject): OwnerStatus | undefined {
  const { status } = returned;
  if (status === undefined || status === null) return undefined;
  if (!isRecord(status)) throw invalid(returned, "status", "must be an object");
  const { conditions = [], atc: _, ...fields } = status;
  if (!Array.isArray(conditions)) throw invalid(returned, "status.conditions", "must be a list");
  const stated = conditions.map((condition, at) => statedCondition(returned, condition, `status.conditions[${at}]`));
  const twice = stated.find(({ type }, at) => stated.findIndex(other => other.type === type) < at);
  if (twice !== undefined) throw invalid(returned, "status.conditions", `state ${twice.type} twice`);
  return { fields, conditions: stated };
}

function statedCondition(returned: KubeObject, value: unknown, path: string): StatedCondition {
  if (!isRecord(value)) throw invalid(returned, path, "must be an object");
  const { type, status } = value;
  if (typeof type !== "string" || type === "") throw invalid(returned, `${path}.type`, "must be a text");
  if (typeof status !== "string") throw invalid(returned, `${path}.status`, "must be a text");
  return conditionOf(type, status, value);
}

function conditionOf(type: string, status: string, value: Record<string, unknown>): StatedCondition {
  const { reason, message, observedGeneration, lastTransitionTime } = value;
  return {
    type,
    status,
    reason: typeof reason === "string" ? reason : "",
    message: typeof message === "string" ? message : "",
    ...(typeof observedGeneration === "number" ? { observedGeneration } : {}),
    ...(typeof lastTransitionTime === "string" ? { lastTransitionTime } : {}),
  };
}

/** What the live status holds under these names. */
export function statusUnder(live: KubeObject, names: StatusNames): OwnerStatus {
  const status = recordOf(live["status"]);
  const conditions = recordsOf(status["conditions"]);
  return {
    fields: Object.fromEntries(Object.entries(status).filter(([field]) => names.fields.includes(field))),
    conditions: conditions
      .filter(({ type }) => typeof type === "string" && names.conditions.includes(type))
      .map(condition => conditionOf(String(condition["type"]), String(condition["status"]), condition)),
  };
}

export function namesOf({ fields, conditions }: OwnerStatus): StatusNames {
  return { fields: Object.keys(fields).sort(), conditions: conditions.map(({ type }) => type).sort() };
}

/** The controller has the word on whether the instance is ready. */
export function withoutReady(status: OwnerStatus): OwnerStatus {
  return { ...status, conditions: status.conditions.filter(({ type }) => type !== "Ready") };
}

function invalid(returned: KubeObject, path: string, problem: string): Error {
  return errors.RELEASE_OBJECT_INVALID({ where: refKey(refOf(returned)), path, problem });
}
