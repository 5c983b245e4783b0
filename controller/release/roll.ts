/**
 * Why a release rolled, as its status tells it: the last rolls, newest first, as many as there is room for. Names,
 * paths, versions and keyed hashes; never a value. Pure.
 */

import { recordsOf } from "../../lib/json.ts";
import type { ObjectRef } from "../kube/object.ts";
import { readRef, text, texts, writeRef } from "./stored.ts";

/** A key of a looked-up Secret whose value changed; hashes as `secretKeys.ts` makes them, absent where there was no value. */
export interface KeyChange {
  readonly key: string;
  readonly before?: string;
  readonly after?: string;
}

export interface RollCause {
  readonly change: string;
  readonly object: ObjectRef;
  readonly resourceVersion: string;
  readonly keys: readonly KeyChange[];
}

export interface RollChange {
  readonly object: ObjectRef;
  /** See `ChildAction`: missing, changed, drifted, unknown. */
  readonly why: string;
  /** Leaf paths of the rendered object; none where the former render is not known. */
  readonly paths: readonly string[];
}

export interface Roll {
  /** RFC 3339, when the flight had ended. */
  readonly renderedAt: string;
  /** RFC 3339, when the change was applied. */
  readonly time: string;
  /** One sentence: which object changed, its resourceVersion, what followed. */
  readonly cause: string;
  /** `sha256:<hex>` of the flight; empty when a revision was applied. */
  readonly flight: string;
  /** The revision that holds what was applied; empty when none does. */
  readonly revision: string;
  readonly causes: readonly RollCause[];
  readonly changes: readonly RollChange[];
}

const mostRolls = 10;
/** Of their JSON together. It is part of every write of the status, and in memory for every instance. */
const mostBytes = 6_000;
/** Of causes, changes, and of paths and keys of each: who needs more has the revisions. */
const mostEach = 5;
const longestText = 200;
const longestCause = 1_000;

/** The former rolls and a new one, within the bounds; the new one always fits. */
export function withRoll(roll: Roll, former: readonly Roll[]): readonly Roll[] {
  const rolls = [bounded(roll), ...former].slice(0, mostRolls);
  while (rolls.length > 1 && Buffer.byteLength(JSON.stringify(rolls.map(writeRoll))) > mostBytes) rolls.pop();
  return rolls;
}

function bounded(roll: Roll): Roll {
  return {
    ...roll,
    cause: cut(roll.cause, longestCause),
    causes: roll.causes.slice(0, mostEach).map(cause => ({ ...cause, keys: cause.keys.slice(0, mostEach) })),
    changes: roll.changes.slice(0, mostEach).map(change => ({ ...change, paths: shortened(change.paths) })),
  };
}

function shortened(paths: readonly string[]): string[] {
  return paths.slice(0, mostEach).map(path => cut(path, longestText));
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

/** The JSON in `status.atc.rolls`; what is empty is left out. */
export function writeRoll(roll: Roll): Record<string, unknown> {
  const { renderedAt, time, cause, flight, revision, causes, changes } = roll;
  return {
    ...{ time, renderedAt, cause },
    ...(flight === "" ? {} : { flight }),
    ...(revision === "" ? {} : { revision }),
    causes: causes.map(({ change, object, resourceVersion, keys }) => ({
      change,
      ...writeRef(object),
      ...(resourceVersion === "" ? {} : { resourceVersion }),
      ...(keys.length === 0 ? {} : { keys }),
    })),
    changes: changes.map(({ object, why, paths }) => ({
      why,
      ...writeRef(object),
      ...(paths.length === 0 ? {} : { paths }),
    })),
  };
}

/** Reads what `writeRoll` wrote, or anybody else; at most as many as are kept. */
export function readRolls(stored: unknown): readonly Roll[] {
  return recordsOf(stored)
    .map(readRoll)
    .filter(({ cause }) => cause !== "")
    .slice(0, mostRolls);
}

function readRoll(roll: Record<string, unknown>): Roll {
  return {
    renderedAt: text(roll["renderedAt"]),
    time: text(roll["time"]),
    cause: text(roll["cause"]),
    flight: text(roll["flight"]),
    revision: text(roll["revision"]),
    causes: recordsOf(roll["causes"]).map(cause => ({
      change: text(cause["change"]),
      object: readRef(cause),
      resourceVersion: text(cause["resourceVersion"]),
      keys: recordsOf(cause["keys"]).map(readKey),
    })),
    changes: recordsOf(roll["changes"]).map(change => ({
      why: text(change["why"]),
      object: readRef(change),
      paths: texts(change["paths"]),
    })),
  };
}

function readKey(stored: Record<string, unknown>): KeyChange {
  const [before, after] = [text(stored["before"]), text(stored["after"])];
  return { key: text(stored["key"]), ...(before === "" ? {} : { before }), ...(after === "" ? {} : { after }) };
}
