/**
 * What a foreign update does to an object of a release. Pure.
 *
 * "Fields present in the wanted object must be unchanged; additions and status are free" (contract §2.5) is read off
 * `managedFields`: the set of our server-side apply is the wanted object, as the API server understands it, with its
 * lists' keys, defaults and quantities. When somebody changes or removes a field, the API server takes it out of our set
 * or, if they pose as us, renews the set's time.
 */
import { isDeepStrictEqual } from "node:util";
import { isRecord } from "../../lib/json.ts";
import type { KubeObject, ManagedFieldsEntry } from "../kube/object.ts";
import { fieldManager } from "../release/fields.ts";
import { instanceRefAnnotation, releaseAnnotation, releaseNamespaceAnnotation } from "../release/normalise.ts";

export const ownershipAnnotations = [releaseAnnotation, releaseNamespaceAnnotation, instanceRefAnnotation] as const;

/** Those of the three annotations that the update sets, changes or removes. */
export function changedOwnership(before: KubeObject, after: KubeObject): string[] {
  return ownershipAnnotations.filter(
    name => before.metadata.annotations?.[name] !== after.metadata.annotations?.[name],
  );
}

/** Whether the update touches a field that our release has applied, status aside. */
export function changesOurFields(before: KubeObject, after: KubeObject): boolean {
  const [held, left] = [ourEntry(before), ourEntry(after)];
  if (held === undefined) return false;
  return left === undefined || held.time !== left.time || !isDeepStrictEqual(withoutStatus(held), withoutStatus(left));
}

/** Whether our release has applied the field at `path`, such as `["spec", "replicas"]`. */
export function ownsField(object: KubeObject, path: readonly string[]): boolean {
  let fields: unknown = ourEntry(object)?.fieldsV1;
  for (const step of path) {
    if (fields === null || typeof fields !== "object") return false;
    fields = Object.getOwnPropertyDescriptor(fields, `f:${step}`)?.value;
  }
  return fields !== undefined;
}

function ourEntry({ metadata: { managedFields = [] } }: KubeObject): ManagedFieldsEntry | undefined {
  return managedFields.find(
    entry => entry.manager === fieldManager && entry.operation === "Apply" && (entry.subresource ?? "") === "",
  );
}

function withoutStatus({ fieldsV1 }: ManagedFieldsEntry): unknown {
  if (!isRecord(fieldsV1)) return fieldsV1;
  const { "f:status": _, ...rest } = fieldsV1;
  return rest;
}
