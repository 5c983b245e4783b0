/** One object of a flight's output: complete enough to be addressed, and without anything that is not plain data. */
import { isRecord } from "../../lib/json.ts";
import { apiVersionPattern, kindPattern, namePattern, namespacePattern } from "../flight/names.ts";
import type { KubeObject, ObjectMeta } from "../kube/object.ts";
import { errors } from "./errors.ts";

/**
 * @param where for messages, such as `stage 2, object 3`
 * @throws RELEASE_OUTPUT_SHAPE, RELEASE_OBJECT_INVALID
 */
export function checkObject(value: unknown, where: string): KubeObject {
  if (!isRecord(value)) throw errors.RELEASE_OUTPUT_SHAPE({ where, found: describe(value) });
  const { apiVersion, kind } = value;
  if (typeof kind !== "string" || !kindPattern.test(kind)) throw invalid(where, "kind", missingOr(kind, "is no kind"));
  const place = `${where} (${kind})`;
  if (kind.endsWith("List") && Array.isArray(value["items"]))
    throw invalid(place, "items", "are not expanded: return the objects instead of a List");
  if (typeof apiVersion !== "string" || !apiVersionPattern.test(apiVersion))
    throw invalid(place, "apiVersion", missingOr(apiVersion, "is no API version"));
  return { ...value, apiVersion, kind, metadata: checkMetadata(value["metadata"], place) };
}

/** What a value is, without showing it. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function checkMetadata(value: unknown, where: string): ObjectMeta {
  if (!isRecord(value)) throw invalid(where, "metadata", missingOr(value, "must be an object"));
  const { name } = value;
  if (name === undefined && value["generateName"] !== undefined)
    throw invalid(where, "metadata.generateName", "is not supported: a release finds its objects again by name");
  if (typeof name !== "string" || !namePattern.test(name))
    throw invalid(where, "metadata.name", missingOr(name, "is no name"));
  const metadata: ObjectMeta = { name };
  const place = where.replace(/\)$/, ` ${name})`);
  for (const [field, content] of Object.entries(value)) {
    // Templates like to leave an empty `labels:` behind; it means nothing.
    if (content === null || (field === "namespace" && content === "")) continue;
    const problem = checks.get(field)?.(content);
    if (problem !== undefined) throw invalid(place, `metadata.${field}`, problem);
    Object.defineProperty(metadata, field, { value: content, writable: true, enumerable: true, configurable: true });
  }
  return metadata;
}

/** A map, because a field may be called `constructor`. */
const checks = new Map<string, (value: unknown) => string | undefined>([
  [
    "namespace",
    value => (typeof value === "string" && namespacePattern.test(value) ? undefined : "is no namespace name"),
  ],
  ["labels", textMap],
  ["annotations", textMap],
  ["finalizers", value => (Array.isArray(value) ? undefined : "must be a list")],
  ["ownerReferences", value => (isRecords(value) ? undefined : "must be a list of references")],
]);

function textMap(value: unknown): string | undefined {
  if (!isRecord(value)) return "must be an object";
  const odd = Object.entries(value).find(([, content]) => typeof content !== "string");
  return odd === undefined ? undefined : `["${odd[0]}"] must be a string, not ${describe(odd[1])}`;
}

function isRecords(value: unknown): boolean {
  return Array.isArray(value) && value.every(isRecord);
}

function missingOr(value: unknown, problem: string): string {
  return value === undefined || value === null || value === "" ? "is missing" : problem;
}

function invalid(where: string, path: string, problem: string): Error {
  return errors.RELEASE_OBJECT_INVALID({ where, path, problem });
}
