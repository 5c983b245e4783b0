/**
 * What the API server would make of a release: every object sent to it as it would be applied, with dryRun.
 *
 * A dry-run cannot see what earlier stages of the same output would make. So an object whose Namespace is not there yet,
 * or whose CRD is yet to be made or changed, is not judged by it.
 */

import type { CodedError } from "../../lib/errors.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKubeError } from "../kube/errors.ts";
import { groupKind, type KubeObject, refKey, refOf } from "../kube/object.ts";
import { fieldManager } from "../release/fields.ts";
import { ownerKey } from "../release/normalise.ts";
import { reconcileErrors } from "./errors.ts";
import { describe } from "./explain.ts";

export interface Trial {
  /** As rendered. */
  readonly object: KubeObject;
  /** As it is now; undefined: not there, or not known. */
  readonly live?: KubeObject | undefined;
  /** As it would be; undefined where that cannot be tried. */
  readonly tried?: KubeObject;
  /** What is wrong with the object. */
  readonly problem?: CodedError | undefined;
}

interface Trying {
  readonly client: Pick<KubeClient, "get" | "apply">;
  /** Owner key of the release. */
  readonly owner: string;
  readonly metadataOnly: boolean;
  /** That the release makes. */
  readonly namespaces: Set<string>;
  /** `Kind.group`, whose CRD the release makes or changes. */
  readonly kinds: Set<string>;
}

/** At a time, for one release. */
const parallel = 8;

/**
 * @param owner key of the release
 * @param options whether the live objects are wanted with all that they hold
 * @throws what is not about an object, such as KUBE_UNAVAILABLE
 */
export async function tryStages(
  { client }: Pick<Trying, "client">,
  owner: string,
  stages: readonly (readonly KubeObject[])[],
  { metadataOnly }: Pick<Trying, "metadataOnly">,
): Promise<Trial[]> {
  const trying: Trying = { client, owner, metadataOnly, namespaces: new Set(), kinds: new Set() };
  const trials: Trial[] = [];
  for (const stage of stages) trials.push(...(await tryStage(trying, stage)));
  return trials;
}

async function tryStage(trying: Trying, stage: readonly KubeObject[]): Promise<Trial[]> {
  const trials = new Map<KubeObject, Trial>();
  const waiting = [...stage];
  const worker = async () => {
    for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) {
      trials.set(object, await tryObject(trying, object));
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return stage.flatMap(object => trials.get(object) ?? []);
}

async function tryObject(trying: Trying, object: KubeObject): Promise<Trial> {
  const { client, owner, namespaces, kinds, metadataOnly } = trying;
  const ref = refOf(object);
  const kind = groupKind(object);
  if (kinds.has(kind)) return { object };
  if (kind === "Namespace") namespaces.add(ref.name);
  let live: KubeObject | undefined;
  try {
    live = await client.get(ref, { metadataOnly });
    const other = live === undefined ? "" : ownerKey(live);
    if (other !== "" && other !== owner) {
      return {
        object,
        live,
        problem: reconcileErrors.RELEASE_OWNED_BY_OTHER({ own: owner, object: refKey(ref), other }),
      };
    }
    const { object: tried } = await client.apply(object, { fieldManager, force: true, dryRun: true });
    const isNew = live?.metadata.generation !== tried.metadata.generation;
    if (kind === "CustomResourceDefinition.apiextensions.k8s.io" && isNew) kinds.add(definedKind(object));
    return { object, live, tried };
  } catch (error) {
    return { object, live, problem: problemOf(error, object, namespaces) };
  }
}

function problemOf(error: unknown, object: KubeObject, namespaces: ReadonlySet<string>): CodedError | undefined {
  const ref = refOf(object);
  if (isKubeError(error, "KUBE_NOT_FOUND") && namespaces.has(ref.namespace)) return undefined;
  if (isKubeError(error, "KUBE_UNKNOWN_KIND")) {
    return reconcileErrors.RELEASE_UNKNOWN_KIND({ object: describe(ref) }, error);
  }
  // A webhook of the cluster that cannot be tried out says nothing about the object.
  if (isKubeError(error, "KUBE_INVALID") && /does not support dry run/.test(error.message)) return undefined;
  if (isKubeError(error, "KUBE_INVALID", "KUBE_FORBIDDEN", "KUBE_NOT_FOUND")) return error;
  throw error;
}

function definedKind(crd: KubeObject): string {
  const { group, names } = (crd["spec"] ?? {}) as { group?: string; names?: { kind?: string } };
  return `${names?.kind ?? ""}.${group ?? ""}`;
}
