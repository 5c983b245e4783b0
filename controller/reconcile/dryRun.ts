/**
 * The trial render of an admission: the flight runs as it would, and the API server is asked about every object
 * (server-side apply with dryRun), so that a mistake is told to whoever makes it. Nothing is recorded, nothing waits.
 *
 * A dry-run cannot see what earlier stages of the same output would make. So an object whose Namespace is not there yet,
 * or whose CRD is yet to be made or changed, is not judged by it.
 */

import type { CodedError } from "../../lib/errors.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import { isKubeError } from "../kube/errors.ts";
import { groupKind, type KubeObject, refKey, refOf } from "../kube/object.ts";
import { fieldManager } from "../release/fields.ts";
import { ownerKey } from "../release/normalise.ts";
import { readRecord } from "../release/record.ts";
import type { Access } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { describe } from "./explain.ts";
import { checkPin, emptyHistory } from "./history.ts";
import { type RenderInput, redacted, render } from "./render.ts";

/** @throws what the flight or the API server finds wrong; DRY_RUN_REFUSED for several objects at once */
export async function dryRun(context: Access & { readonly sandbox: Sandbox }, input: RenderInput): Promise<void> {
  const { object, name, spec } = input;
  await checkPin(context, { object, name, state: { record: readRecord(object), history: emptyHistory() } }, spec);
  const { stages, redact } = await render(context, input);
  const trial: Trial = { client: context.client, owner: input.name.owner, namespaces: new Set(), kinds: new Set() };
  const problems: CodedError[] = [];
  for (const stage of stages) problems.push(...(await tryStage(trial, stage)));
  const [first, ...more] = problems.map(problem => redacted(problem, redact) as CodedError);
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw reconcileErrors.DRY_RUN_REFUSED({ problems: [first, ...more].map(({ message }) => message).sort() });
}

interface Trial {
  readonly client: Access["client"];
  /** Owner key of the release. */
  readonly owner: string;
  /** That the release makes. */
  readonly namespaces: Set<string>;
  /** `Kind.group`, whose CRD the release makes or changes. */
  readonly kinds: Set<string>;
}

/** At a time, for one review. */
const parallel = 8;

async function tryStage(trial: Trial, stage: readonly KubeObject[]): Promise<CodedError[]> {
  const problems: CodedError[] = [];
  const waiting = [...stage];
  const worker = async () => {
    for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) {
      const problem = await tryObject(trial, object);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return problems;
}

/** What is wrong with the object; errors that are not about it are thrown. */
async function tryObject(trial: Trial, object: KubeObject): Promise<CodedError | undefined> {
  const { client, owner, namespaces, kinds } = trial;
  const ref = refOf(object);
  const kind = groupKind(object);
  if (kinds.has(kind)) return undefined;
  if (kind === "Namespace") namespaces.add(ref.name);
  try {
    const live = await client.get(ref, { metadataOnly: true });
    const other = live === undefined ? "" : ownerKey(live);
    if (other !== "" && other !== owner) {
      return reconcileErrors.RELEASE_OWNED_BY_OTHER({ own: owner, object: refKey(ref), other });
    }
    const { object: tried } = await client.apply(object, { fieldManager, force: true, dryRun: true });
    const isNew = live?.metadata.generation !== tried.metadata.generation;
    if (kind === "CustomResourceDefinition.apiextensions.k8s.io" && isNew) kinds.add(definedKind(object));
    return undefined;
  } catch (error) {
    return problemOf(error, object, namespaces);
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
