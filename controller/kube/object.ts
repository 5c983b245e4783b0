/**
 * The shapes of Kubernetes objects as they travel: plain JSON, unknown fields kept.
 * Source: Kubernetes API conventions (metadata, resourceVersion, managedFields).
 */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: unknown;
  subresource?: string;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Names one object. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
}

/** A kind as the API server serves it. `group` is empty for the core group. */
export interface ResourceType {
  group: string;
  version: string;
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

export interface GroupVersion {
  group: string;
  version: string;
}

/** Splits `apps/v1` into its group and version; the core group is empty. */
export function parseApiVersion(apiVersion: string): GroupVersion {
  const slash = apiVersion.indexOf("/");
  return slash < 0
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** yoke's GK string: `Kind.group`, for the core group just `Kind` (contract §0). */
export function groupKind(of: { apiVersion: string; kind: string }): string {
  const { group } = parseApiVersion(of.apiVersion);
  return group === "" ? of.kind : `${of.kind}.${group}`;
}

/** yoke's resource ref: `<namespace>/<GK>:<name>`, which leaves the version out (contract §0). */
export function refKey(ref: ObjectRef): string {
  return `${ref.namespace}/${groupKind(ref)}:${ref.name}`;
}

export function refOf(object: KubeObject): ObjectRef {
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace ?? "",
    name: object.metadata.name,
  };
}

/** The object as it is held and shown: without the notes of who wrote which field, often the larger part of it. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * Orders two resourceVersions of one resource type: negative when `a` is older.
 * They are decimal integers of one etcd revision counter (KEP-5504 makes the comparison official).
 */
export function compareResourceVersions(a: string, b: string): number {
  return a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length;
}
