/**
 * One run of a flight: owner in, normalised stages out (contract §2.3, §3). Writes nothing. With a draft, what is looked
 * up becomes a dependency; without one it is only read, as for the trial render of an owner that does not exist yet.
 */

import { CodedError } from "../../lib/errors.ts";
import type { Draft } from "../dynamic/dependencyIndex.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import { groupKind, type KubeObject, type ObjectRef, type ResourceType, refOf } from "../kube/object.ts";
import { normalise } from "../release/normalise.ts";
import { parseOutput } from "../release/output.ts";
import type { Access } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { describe } from "./explain.ts";
import { RenderLookups } from "./lookups.ts";
import { type ReleaseName, type ReleaseSpec, reactsToLookups, stdinOf } from "./releaseSpec.ts";

export interface RenderInput {
  /** Of the owner. */
  readonly type: ResourceType;
  readonly name: ReleaseName;
  readonly spec: ReleaseSpec;
  /** The owner. Without a uid the objects get no owner reference. */
  readonly object: KubeObject;
}

export interface Rendered {
  readonly stages: KubeObject[][];
  /** See `RenderLookups.seen`. */
  readonly seen: ReadonlyMap<string, string>;
  readonly lookups: readonly ObjectRef[];
  /** Whether the flight asked for a kind that is not served; no watch tells when it is. */
  readonly unknownKinds: boolean;
  /** Of the flight, lookups included. */
  readonly milliseconds: number;
  /** Takes the values of looked-up Secrets out of a text. */
  redact(text: string): string;
}

export async function render(
  context: Access & { readonly sandbox: Sandbox },
  { type, name, spec, object }: RenderInput,
  draft?: Draft,
): Promise<Rendered> {
  const { clusterAccess, matchers, module, timeoutMs, maxMemoryMib, crossNamespace } = spec;
  const policy = { clusterAccess, matchers, owner: name.owner };
  const lookups = new RenderLookups(context, policy, reactsToLookups(spec) ? draft : undefined);
  const redact = (text: string) => lookups.redact(text);
  try {
    const result = await context.sandbox.run({
      module,
      stdin: stdinOf(spec, object),
      args: [name.release, ...spec.args],
      env: { YOKE_RELEASE: name.release, YOKE_NAMESPACE: name.namespace, NAMESPACE: name.namespace },
      timeoutMs,
      maxMemoryMib,
      // Instances of one Airway take turns among themselves; each Flight is a program of its own.
      group: spec.ownerKind === "instance" ? `${type.plural}.${type.group}` : name.owner,
      lookup: request => lookups.lookup(request),
      restMapping: request => lookups.restMapping(request),
    });
    if (lookups.failure !== undefined) throw lookups.failure;
    if (result.exitCode !== 0) throw reconcileErrors.FLIGHT_EXIT({ exitCode: result.exitCode, stderr: result.stderr });
    const output = parseOutput(result.stdout);
    const scopes = await scopesOf(context, output);
    const { release, namespace } = name;
    const identity = { owner: object, ownerKind: spec.ownerKind, release, namespace, crossNamespace };
    const { stages } = normalise(output, identity, (apiVersion, kind) => scopes.get(`${apiVersion}|${kind}`));
    refuseOwnDefinition(type, stages);
    const { seen, refs, unknownKinds } = lookups;
    return { stages, seen, lookups: refs, unknownKinds, milliseconds: result.milliseconds, redact };
  } catch (error) {
    throw lookups.failure ?? redacted(error, redact);
  }
}

const definitions = ["Airway.yoke.cd", "CustomResourceDefinition.apiextensions.k8s.io"];

/** An Airway and its CRD have one name. Other Airways may be rendered. */
function refuseOwnDefinition({ plural, group }: ResourceType, stages: readonly KubeObject[][]): void {
  const name = `${plural}.${group}`;
  const own = stages.flat().find(object => object.metadata.name === name && definitions.includes(groupKind(object)));
  if (own !== undefined) throw reconcileErrors.RELEASE_OWN_DEFINITION({ object: describe(refOf(own)) });
}

async function scopesOf(
  context: Pick<Access, "client">,
  stages: KubeObject[][],
): Promise<Map<string, "Namespaced" | "Cluster">> {
  const kinds = new Map(stages.flat().map(object => [`${object.apiVersion}|${object.kind}`, object]));
  const scopes = new Map<string, "Namespaced" | "Cluster">();
  await Promise.all(
    [...kinds].map(async ([key, { apiVersion, kind }]) => {
      const type = await context.client.discovery.resolve(apiVersion, kind);
      if (type !== undefined) scopes.set(key, type.namespaced ? "Namespaced" : "Cluster");
    }),
  );
  return scopes;
}

/** The same error without the values of Secrets that its message quotes; without its cause, too. */
export function redacted(error: unknown, redact: (text: string) => string): unknown {
  if (!(error instanceof CodedError)) return error;
  const message = redact(error.message);
  return message === error.message ? error : new CodedError(error.code, message, error.todo);
}
