/** From an owner of a release, live or in a file, to how it is rendered. */

import { annotationOf, effectiveMode, overrideFlight } from "../admission/overrides.ts";
import { parseFlight } from "../airway/flightSpec.ts";
import { parseAirway } from "../airway/spec.ts";
import { groupKind, type KubeObject, type ResourceType, refOf } from "../kube/object.ts";
import { loadFlight, readConfigMap } from "../reconcile/airwayFlight.ts";
import type { Source } from "../reconcile/context.ts";
import { flightKinds, flightReleaseName, flightReleaseSpec } from "../reconcile/flight.ts";
import {
  instanceReleaseName,
  instanceReleaseSpec,
  type Prune,
  type ReleaseName,
  type ReleaseSpec,
} from "../reconcile/releaseSpec.ts";
import type { RenderInput } from "../reconcile/render.ts";
import { title } from "../release/normalise.ts";
import { errors } from "./errors.ts";
import type { Flights } from "./flights.ts";

export const airwayKind = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway" };

export function isAirway(object: KubeObject): boolean {
  return groupKind(object) === "Airway.yoke.cd";
}

export function flightTypeOf(object: Pick<KubeObject, "apiVersion" | "kind">): ResourceType | undefined {
  return flightKinds.find(({ type }) => groupKind(type) === groupKind(object))?.type;
}

/** Whether the Airway defines the object's kind; leniently, for it may be broken. */
export function defines(airway: KubeObject, object: Pick<KubeObject, "apiVersion" | "kind">): boolean {
  const { template } = (airway["spec"] ?? {}) as { template?: { group?: string; names?: { kind?: string } } };
  return `${template?.names?.kind}.${template?.group}` === groupKind(object);
}

export interface RenderPlan {
  readonly owner: KubeObject;
  /** That defines the owner's kind; undefined for Flights. */
  readonly airway: KubeObject | undefined;
  /** URL or path of a module to take instead of what they name. */
  readonly flight?: string | undefined;
}

/**
 * @param namespace for an owner that should have one and has none
 * @throws what is wrong with the Airway, the Flight or the module; CLI_AIRWAY_MISSING
 */
export async function renderInput(
  { client }: Source,
  { modules }: Flights,
  { owner, airway, flight }: RenderPlan,
  namespace: string,
): Promise<RenderInput> {
  const read: Parameters<typeof loadFlight>[3] = ref => client.get(ref);
  const named = (url: string, rest: { checksum?: string | undefined; insecure: boolean }) =>
    modules.load({ ...rest, url, fresh: true, readConfigMap: at => readConfigMap(at, read) });
  const flightType = flightTypeOf(owner);
  if (flightType !== undefined) {
    const object = placed(owner, flightType, namespace);
    const spec = parseFlight(object);
    const { checksum, insecure } = spec;
    const { module } = await (flight === undefined
      ? named(spec.url, { checksum, insecure })
      : named(flight, { insecure }));
    const of = flightReleaseSpec(flightType, spec, { module, lookAgainMs: undefined });
    return { type: flightType, object, name: releaseNameOf(flightType, object), spec: of };
  }
  if (airway === undefined) throw errors.CLI_AIRWAY_MISSING({ object: title(owner) });
  const spec = parseAirway(airway);
  const { group, kind, plural, apiVersion, storageVersion: version, scope, insecure } = spec;
  const type: ResourceType = { group, version, apiVersion, kind, plural, namespaced: scope === "Namespaced" };
  const object = placed(owner, type, namespace);
  const url = flight ?? (annotationOf(object, overrideFlight) || undefined);
  const { module } = await (url === undefined ? loadFlight(modules, airway, spec, read) : named(url, { insecure }));
  const of = instanceReleaseSpec(spec, module);
  const mode = effectiveMode(spec.mode, object);
  return { type, object, name: releaseNameOf(type, object), spec: { ...of, mode, moduleUrl: url ?? spec.flightUrl } };
}

/** As the API server would place it, and as the controller knows it. */
export function placed(
  object: KubeObject,
  { namespaced }: Pick<ResourceType, "namespaced">,
  namespace: string,
): KubeObject {
  const { namespace: own, managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: namespaced ? { ...metadata, namespace: own ?? namespace } : { ...metadata } };
}

/** @param type of the owner */
export function releaseNameOf(type: ResourceType, { metadata }: KubeObject): ReleaseName {
  const { namespace = "", name, uid = "" } = metadata;
  return flightTypeOf(type) === undefined
    ? instanceReleaseName(type, { namespace, name })
    : flightReleaseName(type, { namespace, name, uid });
}

/** What of a live owner's spec says how its objects are held, whatever renders them. */
export function holdingOf(
  owner: KubeObject,
  airway: KubeObject | undefined,
): { releasing: Pick<ReleaseSpec, "ownerKind" | "crossNamespace">; prune: Prune } {
  const isFlight = flightTypeOf(owner) !== undefined;
  if (!isFlight && airway === undefined) throw errors.CLI_AIRWAY_MISSING({ object: title(owner) });
  const { prune } = airway === undefined ? parseFlight(owner) : parseAirway(airway);
  const crossNamespace = owner.metadata.namespace === undefined;
  return { releasing: { ownerKind: isFlight ? "flight" : "instance", crossNamespace }, prune };
}

/** undefined for Flights, and where there is none. */
export async function airwayOf({ client }: Source, type: ResourceType): Promise<KubeObject | undefined> {
  if (flightTypeOf(type) !== undefined) return undefined;
  return client.get({ ...airwayKind, namespace: "", name: `${type.plural}.${type.group}` });
}

/** The owner in the version that the controller renders, whichever it was named in. */
export async function asRendered(
  { client }: Source,
  owner: KubeObject,
  airway: KubeObject | undefined,
): Promise<KubeObject> {
  const apiVersion = airway && storageVersionOf(airway);
  if (apiVersion === undefined || apiVersion === owner.apiVersion) return owner;
  return (await client.get({ ...refOf(owner), apiVersion })) ?? owner;
}

/** `<group>/<version>` of the Airway's kind; undefined where it says none. */
export function storageVersionOf(airway: KubeObject): string | undefined {
  const { template } = (airway["spec"] ?? {}) as {
    template?: { group?: string; versions?: { name?: string; storage?: boolean }[] };
  };
  const version = template?.versions?.find(({ storage }) => storage === true)?.name;
  return version === undefined ? undefined : `${template?.group}/${version}`;
}
