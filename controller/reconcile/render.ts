/** One run of a flight: instance in, normalised stages out (contract §2.3, §3). */

import { CodedError } from "../../lib/errors.ts";
import type { AirwaySpec } from "../airway/spec.ts";
import type { Draft } from "../dynamic/dependencyIndex.ts";
import type { FlightModule } from "../flight/sandbox.ts";
import { groupKind, type KubeObject, type ObjectRef, type ResourceType, refOf } from "../kube/object.ts";
import { normalise, releaseName } from "../release/normalise.ts";
import { parseOutput } from "../release/output.ts";
import type { Context } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { describe } from "./explain.ts";
import { RenderLookups } from "./lookups.ts";

/** Which release an instance is, and how others recognise its objects. */
export interface ReleaseName {
  readonly release: string;
  /** The instance's namespace; `default` for cluster-scoped instances. */
  readonly namespace: string;
  /** `<namespace>/<release>` (contract §0). */
  readonly owner: string;
}

export function releaseOf(type: ResourceType, instance: KubeObject): ReleaseName {
  const { name, namespace = "" } = instance.metadata;
  const release = releaseName({ group: type.group, kind: type.kind, namespace, name });
  const releaseNamespace = namespace === "" ? "default" : namespace;
  return { release, namespace: releaseNamespace, owner: `${releaseNamespace}/${release}` };
}

export interface Rendered {
  readonly stages: KubeObject[][];
  /** See `RenderLookups.seen`. */
  readonly seen: ReadonlyMap<string, string>;
  readonly lookups: readonly ObjectRef[];
  /** Whether the flight asked for a kind that is not served; no watch tells when it is. */
  readonly unknownKinds: boolean;
  /** Takes the values of looked-up Secrets out of a text. */
  redact(text: string): string;
}

export async function render(
  context: Pick<Context, "client" | "tracker" | "index" | "sandbox" | "metrics">,
  airway: { name: string; type: ResourceType; spec: AirwaySpec; flight: FlightModule },
  instance: KubeObject,
  draft: Draft,
): Promise<Rendered> {
  const { spec } = airway;
  const name = releaseOf(airway.type, instance);
  const policy = {
    clusterAccess: spec.clusterAccess,
    matchers: spec.resourceAccessMatchers,
    owner: name.owner,
    watch: spec.mode === "dynamic" || spec.mode === "subscription",
  };
  const lookups = new RenderLookups(context, policy, draft);
  const redact = (text: string) => lookups.redact(text);
  try {
    const result = await context.sandbox.run({
      module: airway.flight,
      stdin: JSON.stringify(flightInput(instance, spec.objectPath)) ?? "null",
      args: [name.release],
      env: { YOKE_RELEASE: name.release, YOKE_NAMESPACE: name.namespace, NAMESPACE: name.namespace },
      timeoutMs: spec.timeoutMs,
      maxMemoryMib: spec.maxMemoryMib,
      lookup: request => lookups.lookup(request),
    });
    if (lookups.failure !== undefined) throw lookups.failure;
    context.metrics.renderSeconds.observe({ airway: airway.name }, result.milliseconds / 1000);
    if (result.exitCode !== 0) throw reconcileErrors.FLIGHT_EXIT({ exitCode: result.exitCode, stderr: result.stderr });
    const output = parseOutput(result.stdout);
    const scopes = await scopesOf(context, output);
    const identity = { instance, ...name, crossNamespace: spec.scope === "Cluster" };
    const { stages } = normalise(output, identity, (apiVersion, kind) => scopes.get(`${apiVersion}|${kind}`));
    refuseOwnDefinition(airway.name, stages);
    const { seen, refs, unknownKinds } = lookups;
    return { stages, seen, lookups: refs, unknownKinds, redact };
  } catch (error) {
    throw lookups.failure ?? redacted(error, redact);
  }
}

const definitions = ["Airway.yoke.cd", "CustomResourceDefinition.apiextensions.k8s.io"];

/** An Airway and its CRD have one name. Other Airways may be rendered. */
function refuseOwnDefinition(airway: string, stages: readonly KubeObject[][]): void {
  const own = stages.flat().find(object => object.metadata.name === airway && definitions.includes(groupKind(object)));
  if (own !== undefined) throw reconcileErrors.RELEASE_OWN_DEFINITION({ object: describe(refOf(own)) });
}

/** The value at `path` of the instance; a missing path yields null (contract §1.1). */
export function flightInput(instance: KubeObject, path: readonly string[]): unknown {
  let value: unknown = withoutRecord(instance);
  for (const [index, step] of path.entries()) {
    if (value === null || value === undefined) return null;
    if (typeof value !== "object" || Array.isArray(value)) {
      const at = path.slice(0, index).join(".") || "the instance";
      throw reconcileErrors.FLIGHT_BAD_INPUT_PATH({ path: path.join("."), at });
    }
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value ?? null;
}

/** The controller's own record is no business of a flight: it changes with every render. */
function withoutRecord(instance: KubeObject): KubeObject {
  const { status } = instance;
  if (status === null || typeof status !== "object" || !("atc" in status)) return instance;
  const { atc: _, ...rest } = status;
  return { ...instance, status: rest };
}

async function scopesOf(
  context: Pick<Context, "client">,
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
