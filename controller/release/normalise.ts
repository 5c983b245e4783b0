/**
 * A flight's objects → the objects of a release: named after it, owned by its instance, each in a namespace
 * (contract §3.3). Pure; labels, annotations and owner references that a flight forges are overwritten.
 */
import { groupKind, type KubeObject, type ObjectMeta, type OwnerReference, refKey, refOf } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { protectedPart } from "./protected.ts";

export const managedByLabel = "app.kubernetes.io/managed-by";
export const managedBy = "atc.yoke";
export const releaseAnnotation = "instance.atc.yoke.cd/release";
export const releaseNamespaceAnnotation = "instance.atc.yoke.cd/namespace";
export const instanceRefAnnotation = "instance.atc.yoke.cd/instanceRef";

/** Whose objects these are. */
export interface ReleaseIdentity {
  /** The live custom resource. Without a uid, because it is yet to be made, nothing refers to it. */
  readonly owner: KubeObject;
  /** Only instances may be returned by their flight, and are named on their objects. */
  readonly ownerKind: "instance" | "flight";
  readonly release: string;
  /** The release namespace: the instance's, or `default` for cluster-scoped instances. */
  readonly namespace: string;
  /** Whether objects may name other namespaces. */
  readonly crossNamespace: boolean;
}

export type Scope = "Namespaced" | "Cluster";
/** undefined: the cluster does not know the kind. */
export type ScopeOf = (apiVersion: string, kind: string) => Scope | undefined;

export interface Normalised {
  readonly stages: KubeObject[][];
  /** The owner itself, when the flight returned it; it carries status and is not applied (contract §4.5). */
  readonly identity?: KubeObject;
}

/** @throws RELEASE_NAMESPACE_FOREIGN, RELEASE_KIND_UNKNOWN, RELEASE_OBJECT_DUPLICATE, RELEASE_OBJECT_PROTECTED */
export function normalise(stages: KubeObject[][], identity: ReleaseIdentity, scopeOf: ScopeOf): Normalised {
  const scope = scopeWith(stages.flat(), scopeOf);
  const seen = new Set<string>();
  const itself = refKey(refOf(identity.owner));
  let returned: KubeObject | undefined;
  const offenders: string[] = [];
  const released = stages.map(stage =>
    stage.flatMap(object => {
      const placed = place(object, identity, scope);
      const key = refKey(refOf(placed));
      if (seen.has(key)) throw errors.RELEASE_OBJECT_DUPLICATE({ object: title(placed) });
      seen.add(key);
      if (key === itself) {
        returned = object;
        return [];
      }
      const part = protectedPart(placed);
      if (part !== undefined) throw errors.RELEASE_OBJECT_PROTECTED({ object: title(placed), part });
      const namespace = placed.metadata.namespace ?? identity.namespace;
      if (!identity.crossNamespace && namespace !== identity.namespace) offenders.push(title(placed));
      return [owned(placed, identity)];
    }),
  );
  if (offenders.length > 0)
    throw errors.RELEASE_NAMESPACE_FOREIGN({ namespace: identity.namespace, offenders: offenders.sort() });
  return {
    stages: released.filter(stage => stage.length > 0),
    ...(returned === undefined ? {} : { identity: returned }),
  };
}

/** `<group>.<Kind>.<namespace>.<name>`; cluster-scoped instances have no namespace segment (contract §0). */
export function releaseName(instance: { group: string; kind: string; namespace: string; name: string }): string {
  return [instance.group, instance.kind, instance.namespace, instance.name].filter(part => part !== "").join(".");
}

/**
 * `<release namespace>/<release>` of the release that owns the object, of Flights with their uid; empty when none does.
 */
export function ownerKey(object: KubeObject): string {
  const annotations = object.metadata.annotations ?? {};
  const namespace = annotations[releaseNamespaceAnnotation];
  const release = annotations[releaseAnnotation];
  if (!namespace || !release) return "";
  const flight = object.metadata.ownerReferences?.find(owner => owner.name === release && isFlight(owner));
  return flight === undefined ? `${namespace}/${release}` : flightOwnerKey(`${namespace}/${release}`, flight.uid);
}

/**
 * A Flight, a ClusterFlight and a release of yoke's command line may have one name in one namespace, and so the same
 * annotations; the owner reference tells which it is.
 */
export function flightOwnerKey(key: string, uid: string): string {
  return `${key}#${uid}`;
}

function isFlight(owner: OwnerReference): boolean {
  return ["Flight.yoke.cd", "ClusterFlight.yoke.cd"].includes(groupKind(owner));
}

/** For messages: `Deployment default/nginx`, `Namespace demo`. */
export function title(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/` : ""}${name}`;
}

/** The cluster's kinds, and before them those whose definition is part of the same output. */
function scopeWith(objects: readonly KubeObject[], scopeOf: ScopeOf): ScopeOf {
  const rendered = new Map<string, Scope>();
  for (const object of objects) {
    if (groupKind(object) !== "CustomResourceDefinition.apiextensions.k8s.io") continue;
    const spec = object["spec"] as CrdSpec | undefined;
    const versions = Array.isArray(spec?.versions) ? spec.versions : [];
    for (const version of versions)
      rendered.set(
        `${spec?.group}/${version?.name} ${spec?.names?.kind}`,
        spec?.scope === "Cluster" ? "Cluster" : "Namespaced",
      );
  }
  return (apiVersion, kind) => rendered.get(`${apiVersion} ${kind}`) ?? scopeOf(apiVersion, kind);
}

/** As far as a flight may have written it; nothing is certain. */
interface CrdSpec {
  group?: unknown;
  scope?: unknown;
  names?: { kind?: unknown } | null;
  versions?: ({ name?: unknown } | null)[];
}

/** Gives namespaced objects a namespace, and takes it from cluster-scoped ones, where it means nothing. */
function place(object: KubeObject, identity: ReleaseIdentity, scopeOf: ScopeOf): KubeObject {
  const { namespace, ...metadata } = object.metadata;
  const scope = isKindOf(object, identity.owner)
    ? scopeOfOwner(identity.owner)
    : scopeOf(object.apiVersion, object.kind);
  if (scope === undefined)
    throw errors.RELEASE_KIND_UNKNOWN({ apiVersion: object.apiVersion, kind: object.kind, object: title(object) });
  if (scope === "Cluster") return { ...object, metadata: metadata as ObjectMeta };
  return { ...object, metadata: { ...object.metadata, namespace: namespace || identity.namespace } };
}

function isKindOf(object: KubeObject, owner: KubeObject): boolean {
  return groupKind(object) === groupKind(owner);
}

function scopeOfOwner(owner: KubeObject): Scope {
  return owner.metadata.namespace ? "Namespaced" : "Cluster";
}

/** What the API server fills in; a flight that returns a looked-up object returns it too. */
const serverFields = [
  "resourceVersion",
  "creationTimestamp",
  "uid",
  "managedFields",
  "generation",
  "selfLink",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
];

function owned(object: KubeObject, identity: ReleaseIdentity): KubeObject {
  const { owner, ownerKind } = identity;
  const { ownerReferences = [], ...declared } = object.metadata;
  const { [instanceRefAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  const references = ownersWith(ownerReferences, owner);
  const kept = Object.entries(declared).filter(([field]) => !serverFields.includes(field));
  const metadata = {
    ...(Object.fromEntries(kept) as ObjectMeta),
    labels: { ...object.metadata.labels, [managedByLabel]: managedBy },
    annotations: {
      ...annotations,
      [releaseAnnotation]: identity.release,
      [releaseNamespaceAnnotation]: identity.namespace,
      ...(ownerKind === "instance" ? { [instanceRefAnnotation]: refKey(refOf(owner)) } : {}),
    },
    ...(references.length === 0 ? {} : { ownerReferences: references }),
  };
  return { ...object, metadata };
}

/** One reference per owner, the release's last and exactly as the contract says. */
function ownersWith(declared: readonly OwnerReference[], owner: KubeObject): OwnerReference[] {
  const { apiVersion, kind, metadata } = owner;
  const own: OwnerReference = { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "" };
  const byUid = new Map<string, OwnerReference>();
  for (const reference of declared)
    if (reference.uid !== own.uid && !byUid.has(reference.uid)) byUid.set(reference.uid, reference);
  return own.uid === "" ? [...byUid.values()] : [...byUid.values(), own];
}
