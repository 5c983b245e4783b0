/**
 * What the controller remembers of a release, in the instance's own `status.atc`.
 *
 * It lives there, and not in an object beside it, so that one status write records a roll, and one list of the
 * instances at start-up brings back all that is needed to know that nothing changed (docs/decisions/0002-release-record.md).
 * Anyone who may write the status may forge it; so nothing is deleted on its word alone: the live object must carry the
 * release's owner key.
 */

import { recordsOf } from "../../lib/json.ts";
import { apiVersionPattern, kindPattern, namePattern, namespacePattern } from "../flight/names.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { noNames, type StatusNames } from "./ownerStatus.ts";
import { isRevisionName } from "./revision.ts";
import { type Roll, readRolls, writeRoll } from "./roll.ts";
import { child, readRef, text, texts, writeRef } from "./stored.ts";

/** One object that the release owns, or is about to own. `stage` counts from 0 in the order of creation. */
export interface InventoryEntry extends ObjectRef {
  readonly stage: number;
}

/**
 * Which revisions there are. What they hold is in Secrets of these names (`revision.ts`); that they are named here is
 * why none has to be searched for.
 */
export interface RevisionRecord {
  /** Of the active revision; empty when there is none. */
  readonly name: string;
  /** Its Secret is about to be written. An intent, as the inventory is: who finds it looks whether it was done. */
  readonly pending: boolean;
  /** The ones before it, the latest first. */
  readonly former: readonly string[];
  /** Why the present state is in no revision. */
  readonly problem?: string;
}

export interface ReleaseRecord {
  /** `sha256:<hex>` of the flight that made the last successful render. */
  readonly flight: string;
  /** Digest over all inputs of the last successful render; empty when none was successful. */
  readonly inputs: string;
  readonly lookups: readonly ObjectRef[];
  readonly inventory: readonly InventoryEntry[];
  /** The latest first. */
  readonly rolls: readonly Roll[];
  /** Failed runs in a row, as far as they are worth remembering over a restart. */
  readonly failures: number;
  /** What of the status is the flight's. */
  readonly stated: StatusNames;
  readonly revision: RevisionRecord;
}

export const noRevision: RevisionRecord = { name: "", pending: false, former: [] };

export const emptyRecord: ReleaseRecord = {
  flight: "",
  inputs: "",
  lookups: [],
  inventory: [],
  rolls: [],
  failures: 0,
  stated: noNames,
  revision: noRevision,
};

/** Reads `status.atc`. What is malformed is left out: the record is then rebuilt by the next render. */
export function readRecord(owner: KubeObject): ReleaseRecord {
  const stored = child(child(owner, "status"), "atc");
  return {
    flight: text(stored["flight"]),
    inputs: text(stored["inputs"]),
    lookups: recordsOf(stored["lookups"]).map(readRef).filter(hasName),
    inventory: recordsOf(stored["inventory"])
      .map(entry => ({ ...readRef(entry), stage: typeof entry["stage"] === "number" ? entry["stage"] : 0 }))
      .filter(hasName),
    rolls: readRolls(stored["rolls"]),
    failures: typeof stored["failures"] === "number" ? stored["failures"] : 0,
    stated: {
      fields: texts(child(stored, "stated")["fields"]),
      conditions: texts(child(stored, "stated")["conditions"]),
    },
    revision: readRevisions(child(stored, "revision")),
  };
}

/** The JSON of `status.atc`; empty namespaces are left out for the reader's sake. */
export function writeRecord(record: ReleaseRecord): Record<string, unknown> {
  const { stated } = record;
  return {
    ...(record.failures === 0 ? {} : { failures: record.failures }),
    flight: record.flight,
    inputs: record.inputs,
    lookups: record.lookups.map(writeRef),
    inventory: record.inventory.map(entry => ({ ...writeRef(entry), stage: entry.stage })),
    ...(record.rolls.length === 0 ? {} : { rolls: record.rolls.map(writeRoll) }),
    ...(stated.fields.length + stated.conditions.length === 0 ? {} : { stated }),
    ...writeRevisions(record.revision),
  };
}

/** Bytes of JSON. etcd takes objects of 1.5 MiB, and the instance has more to it than the record. */
const largestRecord = 1_000_000;

/** @throws RELEASE_RECORD_TOO_LARGE, before anything is made that could not be remembered. */
export function checkRecord(record: ReleaseRecord): void {
  const bytes = Buffer.byteLength(JSON.stringify(writeRecord(record)));
  if (bytes <= largestRecord) return;
  const { inventory, lookups } = record;
  throw errors.RELEASE_RECORD_TOO_LARGE({
    ...{ objects: inventory.length, lookups: lookups.length },
    ...{ bytes, limit: largestRecord },
  });
}

/** More than anybody keeps; a release without a cap has more, of which these are the latest. */
export const mostRevisions = 1000;

function writeRevisions({ name, pending, former, problem }: RevisionRecord): Record<string, unknown> {
  if (name === "" && problem === undefined) return {};
  const revision = {
    ...(name === "" ? {} : { name }),
    ...(pending ? { pending } : {}),
    ...(former.length === 0 ? {} : { former: former.slice(0, mostRevisions) }),
    ...(problem === undefined ? {} : { problem }),
  };
  return { revision };
}

function readRevisions(stored: Record<string, unknown>): RevisionRecord {
  const name = text(stored["name"]);
  const former: unknown[] = Array.isArray(stored["former"]) ? stored["former"] : [];
  const problem = text(stored["problem"]);
  return {
    name: isRevisionName(name) ? name : "",
    pending: stored["pending"] === true,
    former: former.map(text).filter(isRevisionName).slice(0, mostRevisions),
    ...(problem === "" ? {} : { problem }),
  };
}

/** Whoever may write the status may write anything there; it becomes part of URLs. */
function hasName({ apiVersion, kind, namespace, name }: ObjectRef): boolean {
  const placed = namespace === "" || namespacePattern.test(namespace);
  return placed && apiVersionPattern.test(apiVersion) && kindPattern.test(kind) && namePattern.test(name);
}
