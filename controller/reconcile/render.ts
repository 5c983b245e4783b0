/**
 * One run of a flight: owner in, normalised stages out (contract §2.3, §3). Writes nothing. Watched, what is looked
 * up becomes a dependency; else it is only read, as for the trial render of an owner that does not exist yet.
 */

import { CodedError } from "../../lib/errors.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import { groupKind, type KubeObject, type ObjectRef, type ResourceType, refOf } from "../kube/object.ts";
import { normalise } from "../release/normalise.ts";
import { parseOutput } from "../release/output.ts";
import { type OwnerStatus, statedStatus } from "../release/ownerStatus.ts";
import type { Source, Watched } from "./context.ts";
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
  /** Ends the run of the flight. */
  readonly signal?: AbortSignal | undefined;
}

export interface Rendered {
  readonly stages: KubeObject[][];
  /** What the flight says of its instance; undefined when it does not. */
  readonly stated: OwnerStatus | undefined;
  /** See `RenderLookups.seen`. */
  readonly seen: ReadonlyMap<string, string>;
  readonly lookups: readonly ObjectRef[];
  /** See `RenderLookups.secrets`. */
  readonly secrets: ReadonlyMap<string, KubeObject>;
  /** Whether the flight asked for a kind that is not served; no watch tells when it is. */
  readonly unknownKinds: boolean;
  /** `sha256:<hex>` of the flight; empty where none ran. */
  readonly flight: string;
  /** Of the flight, lookups included. */
  readonly milliseconds: number;
  /** Before that, for a worker thread. */
  readonly waitedMilliseconds: number;
  /** Takes the values of looked-up Secrets out of a text. */
  redact(text: string): string;
}

/** A flight that ended with a code other than 0. What it says of its instance counts all the same (contract §4.5). */
export class FlightExit extends CodedError {
  readonly stated: OwnerStatus | undefined;

  constructor({ code, message, todo }: CodedError, stated: OwnerStatus | undefined) {
    super(code, message, todo);
    this.stated = stated;
  }
}

/** @throws FlightExit, RELEASE_…, FLIGHT_…; what looked-up Secrets hold is taken out of the message */
export async function render(
  context: Source & { readonly sandbox: Sandbox },
  input: RenderInput,
  watched?: Watched,
): Promise<Rendered> {
  const { type, name, spec, object, signal } = input;
  const { clusterAccess, matchers, module, timeoutMs, maxMemoryMib } = spec;
  const policy = { clusterAccess, matchers, owner: name.owner };
  const lookups = new RenderLookups(context, policy, reactsToLookups(spec) ? watched : undefined);
  const redact = (text: string) => lookups.redact(text);
  try {
    const result = await context.sandbox.run(
      {
        module,
        stdin: stdinOf(spec, object),
        args: [name.release, ...spec.args],
        env: flightEnvironment(name),
        timeoutMs,
        maxMemoryMib,
        // Instances of one Airway take turns among themselves; each Flight is a program of its own.
        group: spec.ownerKind === "instance" ? `${type.plural}.${type.group}` : name.owner,
        lookup: request => lookups.lookup(request),
        restMapping: request => lookups.restMapping(request),
      },
      signal,
    );
    if (lookups.failure !== undefined) throw lookups.failure;
    const { exitCode, stdout, stderr, milliseconds, waitedMilliseconds } = result;
    const release = async () => releaseObjects(context, input, parseOutput(stdout));
    if (exitCode !== 0) {
      const error = reconcileErrors.FLIGHT_EXIT({ exitCode, stderr: redact(stderr) });
      // A flight that gave up may have printed anything.
      const output = await release().catch(() => undefined);
      throw new FlightExit(error, output?.stated);
    }
    const { seen, refs, secrets, unknownKinds } = lookups;
    const output = await release();
    return {
      ...output,
      seen,
      // Where nothing reacts to them, lookups are nothing to remember.
      lookups: reactsToLookups(spec) ? refs : [],
      secrets,
      unknownKinds,
      flight: `sha256:${module.digest}`,
      milliseconds,
      waitedMilliseconds,
      redact,
    };
  } catch (error) {
    throw lookups.failure ?? redacted(error, redact);
  } finally {
    lookups.end();
  }
}

/** What has to be known of a release to make objects its own. */
export interface Releasing extends Pick<RenderInput, "type" | "name" | "object"> {
  readonly spec: Pick<ReleaseSpec, "ownerKind" | "crossNamespace">;
}

/**
 * Makes stages of objects, whoever wrote them, those of this release; what it may not have is refused.
 *
 * @throws RELEASE_…
 */
export async function releaseObjects(
  context: Source,
  { type, name: { release, namespace }, spec: { ownerKind, crossNamespace }, object }: Releasing,
  output: KubeObject[][],
): Promise<Pick<Rendered, "stages" | "stated">> {
  const scopes = await scopesOf(context, output);
  const of = { owner: object, ownerKind, release, namespace, crossNamespace };
  const { stages, identity } = normalise(output, of, (apiVersion, kind) => scopes.get(`${apiVersion}|${kind}`));
  refuseOwnDefinition(type, stages);
  if (identity === undefined) return { stages, stated: undefined };
  if (ownerKind === "flight") throw reconcileErrors.RELEASE_OWN_DEFINITION({ object: describe(refOf(identity)) });
  return { stages, stated: statedStatus(identity) };
}

/** The version of yoke whose flights run here unchanged; some ask for a minimum (contract §3.1). */
const yokeVersion = "v0.20.27";

function flightEnvironment({ release, namespace }: ReleaseName): Record<string, string> {
  return { YOKE_RELEASE: release, YOKE_NAMESPACE: namespace, NAMESPACE: namespace, YOKE_VERSION: yokeVersion };
}

const definitions = ["Airway.yoke.cd", "CustomResourceDefinition.apiextensions.k8s.io"];

/** An Airway and its CRD have one name. Other Airways may be rendered. */
function refuseOwnDefinition({ plural, group }: ResourceType, stages: readonly KubeObject[][]): void {
  const name = `${plural}.${group}`;
  const own = stages.flat().find(object => object.metadata.name === name && definitions.includes(groupKind(object)));
  if (own !== undefined) throw reconcileErrors.RELEASE_OWN_DEFINITION({ object: describe(refOf(own)) });
}

async function scopesOf(context: Source, stages: KubeObject[][]): Promise<Map<string, "Namespaced" | "Cluster">> {
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
  if (!(error instanceof CodedError) || error instanceof FlightExit) return error;
  const message = redact(error.message);
  return message === error.message ? error : new CodedError(error.code, message, error.todo);
}
