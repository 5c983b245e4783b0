/** The release that a command is about: found by any of its objects, or by its owner. */

import { groupKind, type KubeObject, type ObjectRef, type ResourceType } from "../kube/object.ts";
import { describe } from "../reconcile/explain.ts";
import type { ReleaseName } from "../reconcile/releaseSpec.ts";
import { instanceRefAnnotation, title } from "../release/normalise.ts";
import { type ReleaseRecord, readRecord } from "../release/record.ts";
import type { Cluster } from "./cluster.ts";
import { errors } from "./errors.ts";
import { airwayOf, flightTypeOf, releaseNameOf } from "./owner.ts";
import { resolveKind } from "./resources.ts";

export interface Release {
  readonly type: ResourceType;
  readonly owner: KubeObject;
  readonly name: ReleaseName;
  readonly record: ReleaseRecord;
}

/** One object as kubectl names it, and the words after it. */
export interface Named {
  readonly kind: string;
  readonly name: string;
  readonly rest: readonly string[];
}

/**
 * @param words such as `backend/nginx` or `backend nginx`
 * @throws CLI_USAGE
 */
export function parseName(words: readonly string[]): Named {
  const [first = "", second = "", ...more] = words;
  const [kind = "", name = "", ...odd] = first.includes("/") ? first.split("/") : [first, second];
  if (kind !== "" && name !== "" && odd.length === 0 && !name.includes("/")) {
    return { kind, name, rest: first.includes("/") ? words.slice(1) : more };
  }
  const problem = `"${words.join(" ")}" names no object: write <kind>/<name>, or <kind> <name>`;
  throw errors.CLI_USAGE({ problem });
}

/** @throws CLI_USAGE when there are more words */
export function onlyName(words: readonly string[]): Named {
  const named = parseName(words);
  if (named.rest.length === 0) return named;
  throw errors.CLI_USAGE({ problem: `"${named.rest.join(" ")}" is not expected: one object at a time` });
}

/** @throws CLI_KIND_UNKNOWN, CLI_OBJECT_MISSING */
async function findObject(
  { client, namespace }: Cluster,
  { kind, name }: Pick<Named, "kind" | "name">,
): Promise<Found> {
  const type = await resolveKind(client, kind);
  return { type, object: await read(client, type, type.namespaced ? namespace : "", name) };
}

interface Found {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

async function read(
  client: Cluster["client"],
  type: ResourceType,
  namespace: string,
  name: string,
): Promise<KubeObject> {
  const ref: ObjectRef = { apiVersion: type.apiVersion, kind: type.kind, namespace, name };
  const object = await client.get(ref);
  if (object === undefined) throw errors.CLI_OBJECT_MISSING({ object: describe(ref) });
  return object;
}

/** @throws what `findObject` throws, and CLI_NO_RELEASE */
export async function findRelease(cluster: Cluster, named: Pick<Named, "kind" | "name">): Promise<Release> {
  const found = await findObject(cluster, named);
  const { type, object: owner } = (await isOwner(cluster, found)) ? found : await ownerOf(cluster, found);
  return { type, owner, name: releaseNameOf(type, owner), record: readRecord(owner) };
}

async function isOwner({ client }: Cluster, { type, object }: Found): Promise<boolean> {
  if (flightTypeOf(type) !== undefined) return true;
  if ((object.metadata.ownerReferences ?? []).some(owner => groupKind(owner) === "Airway.yoke.cd")) return true;
  // Not adopted yet: without rights, or while nobody controls.
  return type.group.includes(".") && (await airwayOf({ client }, type)) !== undefined;
}

/** Objects of instances name their owner in an annotation, those of Flights only refer to it. */
async function ownerOf({ client }: Cluster, { object }: Found): Promise<Found> {
  const { annotations = {}, ownerReferences = [], namespace: own = "" } = object.metadata;
  const [, namespace = "", kind = "", name = ""] =
    /^([^/]*)\/([^:]+):(.+)$/.exec(annotations[instanceRefAnnotation] ?? "") ?? [];
  if (name !== "") {
    const type = await resolveKind(client, kind);
    return { type, object: await read(client, type, namespace, name) };
  }
  const flight = ownerReferences.find(owner => flightTypeOf(owner) !== undefined);
  const type = flight && flightTypeOf(flight);
  if (flight === undefined || type === undefined) throw errors.CLI_NO_RELEASE({ object: title(object) });
  return { type, object: await read(client, type, type.namespaced ? own : "", flight.name) };
}
