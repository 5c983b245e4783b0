/**
 * What would change in a cluster if a release became these objects: asked by dry-runs, and told as differences between the
 * live objects and what the API server would make of them. Writes nothing.
 */

import type { CodedError } from "../../lib/errors.ts";
import { isRecord } from "../../lib/json.ts";
import type { KubeClient } from "../kube/client.ts";
import { type KubeObject, type ObjectRef, refKey, refOf } from "../kube/object.ts";
import type { Prune, ReleaseName } from "../reconcile/releaseSpec.ts";
import { isKept } from "../reconcile/removal.ts";
import { type Trial, tryStages } from "../reconcile/trial.ts";
import { changedLeaves, leavesOf } from "../release/fields.ts";
import { ownerKey } from "../release/normalise.ts";
import type { InventoryEntry } from "../release/record.ts";
import { type Curtain, lastApplied } from "./curtain.ts";
import { unifiedDiff } from "./unified.ts";
import { yamlOf } from "./yaml.ts";

/** `unknown`: it cannot be tried yet. `release`: it is left behind as nobody's. */
export type ChangeKind = "create" | "update" | "remove" | "release" | "refused" | "unknown";

export interface Change {
  readonly object: ObjectRef;
  readonly change: ChangeKind;
  /** Fields that differ. */
  readonly paths: readonly string[];
  /** Unified, values of Secrets hidden; empty where hidden values are all that differs. */
  readonly diff: string;
  readonly problem?: CodedError | undefined;
}

export interface Wanted {
  readonly name: ReleaseName;
  readonly prune: Prune;
  /** As they would be applied. */
  readonly stages: readonly (readonly KubeObject[])[];
  /** What the release has now. */
  readonly inventory: readonly InventoryEntry[];
}

export async function changesOf(client: KubeClient, wanted: Wanted, curtain: Curtain): Promise<Change[]> {
  const { name, stages } = wanted;
  const trials = await tryStages({ client }, name.owner, stages, { metadataOnly: false });
  curtain.remember(trials.flatMap(({ live, tried, object }) => [live, tried, object]));
  const changed = trials.flatMap(trial => changeOf(trial, curtain) ?? []);
  return [...changed, ...(await leaving(client, wanted))];
}

function changeOf({ object, live, tried, problem }: Trial, curtain: Curtain): Change | undefined {
  const of = { object: refOf(object), paths: [], diff: "" };
  if (problem !== undefined) return { ...of, change: "refused", problem };
  if (live === undefined) return { ...of, ...differenceOf(undefined, tried ?? object, curtain), change: "create" };
  if (tried === undefined) return { ...of, change: "unknown" };
  const difference = differenceOf(live, tried, curtain);
  return difference && { ...of, ...difference, change: "update" };
}

/** Of two states of one object, of which an absent one is empty; undefined when they are the same. */
function differenceOf(
  before: KubeObject | undefined,
  after: KubeObject | undefined,
  curtain: Curtain,
): Pick<Change, "paths" | "diff"> | undefined {
  const [old, now] = [before && essence(before), after && essence(after)];
  if (JSON.stringify(old) === JSON.stringify(now)) return undefined;
  const paths = old === undefined || now === undefined ? [] : changedLeaves(leavesOf(old), leavesOf(now));
  const text = (object: KubeObject | undefined) => (object === undefined ? "" : yamlOf(curtain.cover(object)));
  return { paths, diff: unifiedDiff(text(old), text(now)) };
}

const serverFields = ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];

/** Without what the API server keeps for itself, in one order of fields. */
function essence({ status: _, ...object }: KubeObject): KubeObject {
  const { annotations: { [lastApplied]: __, ...annotations } = {}, ...all } = object.metadata;
  const kept = Object.entries(all).filter(([field]) => !serverFields.includes(field));
  const metadata = Object.fromEntries([
    ...kept,
    ...(Object.keys(annotations).length > 0 ? [["annotations", annotations]] : []),
  ]);
  const { apiVersion, kind, ...rest } = object;
  return { apiVersion, kind, ...(sorted({ ...rest, metadata }) as object) } as KubeObject;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([field, item]) => [field, sorted(item)]));
}

/** What the release has and would have no longer. */
async function leaving(client: KubeClient, { name, prune, stages, inventory }: Wanted): Promise<Change[]> {
  const stay = new Set(stages.flat().map(object => refKey(refOf(object))));
  const found = await Promise.all(
    inventory
      .filter(entry => !stay.has(refKey(entry)))
      .map(async ({ stage: _, ...object }): Promise<Change | undefined> => {
        const type = await client.discovery.resolve(object.apiVersion, object.kind);
        const live = type && (await client.get(object, { metadataOnly: true }));
        if (live === undefined || ownerKey(live) !== name.owner) return undefined;
        return { object, change: isKept(object, prune) ? "release" : "remove", paths: [], diff: "" };
      }),
  );
  return found.filter(change => change !== undefined);
}

/** Two states of a release that are both only wanted, such as two revisions. */
export function changesBetween(
  before: readonly KubeObject[],
  after: readonly KubeObject[],
  curtain: Curtain,
): Change[] {
  curtain.remember([...before, ...after]);
  const old = new Map(before.map(object => [refKey(refOf(object)), object]));
  const now = new Map(after.map(object => [refKey(refOf(object)), object]));
  return [...new Set([...now.keys(), ...old.keys()])].flatMap((key): Change[] => {
    const [was, is] = [old.get(key), now.get(key)];
    const object = is ?? was;
    if (object === undefined) return [];
    const difference = differenceOf(was, is, curtain);
    if (difference === undefined) return [];
    const change = was === undefined ? "create" : is === undefined ? "remove" : "update";
    return [{ object: refOf(object), change, ...difference }];
  });
}
