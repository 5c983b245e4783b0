/**
 * Decides on foreign writes to the objects of releases (contract §2.5): the three annotations of ownership stay, and what
 * a release in static mode has made is neither changed nor deleted by others.
 *
 * Whether an object belongs to such a release is read live from its instance, so it holds on every replica and from
 * the controller's first moment. Never in the way: of what is being deleted, of status, of a release that ends.
 */
import type { Mode } from "../airway/spec.ts";
import { type KubeObject, type ObjectRef, refKey, refOf } from "../kube/object.ts";
import { instanceRefAnnotation } from "../release/normalise.ts";
import { readRecord } from "../release/record.ts";
import { annotationOf, effectiveMode } from "./overrides.ts";
import { changedOwnership, changesOurFields, ownsField } from "./ownership.ts";
import { type AdmissionRequest, allowed, denied, type Verdict } from "./review.ts";

export interface ResourceFacts {
  /** Whether the controller itself asks. */
  isOwn(request: AdmissionRequest): boolean;
  /** The Airway of a kind (`Kind.group`): how its instances are read, and their mode. */
  airwayOf(groupKind: string): { readonly apiVersion: string; readonly mode: Mode } | undefined;
  get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** The object whose subresource is written. */
  getParent(request: AdmissionRequest, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** Where a kind keeps the number that `/scale` sets, such as `["spec", "replicas"]`. */
  replicasPath(request: AdmissionRequest, signal: AbortSignal): Promise<readonly string[]>;
}

const cannotModify = denied("BadRequest", "cannot modify flight sub-resources");
const cannotDelete = denied("BadRequest", "cannot delete resources managed by Air-Traffic-Controller");

export async function reviewResource(
  facts: ResourceFacts,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<Verdict> {
  if (facts.isOwn(request)) return allowed;
  if (request.subResource === "scale") return reviewScale(facts, request, signal);
  const { operation, object, oldObject } = request;
  if (oldObject === undefined) return allowed;
  if (operation === "DELETE") return reviewDelete(facts, request, oldObject, signal);
  if (operation !== "UPDATE" || object === undefined || isDeleting(oldObject)) return allowed;
  const changed = changedOwnership(oldObject, object);
  if (changed.length > 0) {
    return denied("BadRequest", `cannot modify annotations that say whose an object is: ${changed.join(", ")}`);
  }
  if (request.subResource === "status" || !changesOurFields(oldObject, object)) return allowed;
  return (await isGuarded(facts, oldObject, signal)) ? cannotModify : allowed;
}

async function reviewScale(facts: ResourceFacts, request: AdmissionRequest, signal: AbortSignal): Promise<Verdict> {
  if (replicasOf(request.object) === replicasOf(request.oldObject)) return allowed;
  const parent = await facts.getParent(request, signal);
  if (parent === undefined || isDeleting(parent) || !(await isGuarded(facts, parent, signal))) return allowed;
  return ownsField(parent, await facts.replicasPath(request, signal)) ? cannotModify : allowed;
}

async function reviewDelete(
  facts: ResourceFacts,
  { userInfo, namespace }: AdmissionRequest,
  object: KubeObject,
  signal: AbortSignal,
): Promise<Verdict> {
  // The garbage collector, the namespace controller and their like.
  if (userInfo.username.startsWith("system:serviceaccount:kube-system:") || isDeleting(object)) return allowed;
  if (!(await isGuarded(facts, object, signal))) return allowed;
  // In clusters whose controllers have no accounts of their own, the namespace controller cannot be told by its name.
  const home = namespace === "" ? undefined : await facts.get(namespaceRef(namespace), signal);
  return home !== undefined && isDeleting(home) ? allowed : cannotDelete;
}

/** Whether the object is in the release of a live instance in static mode. */
async function isGuarded(facts: ResourceFacts, object: KubeObject, signal: AbortSignal): Promise<boolean> {
  const ref = parseInstanceRef(annotationOf(object, instanceRefAnnotation));
  const airway = ref === undefined ? undefined : facts.airwayOf(ref.groupKind);
  if (ref === undefined || airway === undefined) return false;
  const { namespace, name } = ref;
  const kind = ref.groupKind.slice(0, ref.groupKind.indexOf("."));
  const instance = await facts.get({ apiVersion: airway.apiVersion, kind, namespace, name }, signal);
  if (instance === undefined || isDeleting(instance)) return false;
  if (effectiveMode(airway.mode, instance) !== "static") return false;
  const { ownerReferences = [] } = object.metadata;
  if (!ownerReferences.some(({ uid }) => uid === instance.metadata.uid)) return false;
  const key = refKey(refOf(object));
  return readRecord(instance).inventory.some(entry => refKey(entry) === key);
}

/** `<namespace>/<Kind>.<group>:<name>` (contract §0). */
function parseInstanceRef(text: string): { namespace: string; groupKind: string; name: string } | undefined {
  // Longer than names can be.
  if (text.length > 1000) return undefined;
  const [, namespace = "", groupKind = "", name = ""] = /^([^/]*)\/([^:/]+\.[^:/]+):([^/]+)$/.exec(text) ?? [];
  return name === "" ? undefined : { namespace, groupKind, name };
}

function isDeleting({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function replicasOf(scale: KubeObject | undefined): unknown {
  return (scale?.["spec"] as { replicas?: unknown } | undefined)?.replicas;
}

function namespaceRef(name: string): ObjectRef {
  return { apiVersion: "v1", kind: "Namespace", namespace: "", name };
}
