/**
 * Whether a schema is one that Kubernetes accepts, told with paths before the API server is asked: a keyword that it
 * does not know, or one with a value of the wrong type, makes server-side apply answer a bare 500, which looks like
 * trouble of the server and not of the Airway.
 *
 * Not stricter than the API server, but for unknown keywords below `items`, which it drops in silence. What it explains
 * well itself (list types, defaults, patterns, CEL) is left to it.
 * Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", Specifying a structural schema.
 */
import { isRecord, recordOf } from "../../lib/json.ts";

type Schema = Record<string, unknown>;

/** The keywords of JSONSchemaProps (apiextensions.k8s.io/v1) that a CRD may use, by the type of their value. */
const keywordsByType: Record<string, string> = {
  string: "description type format title pattern x-kubernetes-list-type x-kubernetes-map-type",
  number: "maximum minimum multipleOf maxLength minLength maxItems minItems maxProperties minProperties",
  boolean:
    "exclusiveMaximum exclusiveMinimum uniqueItems nullable x-kubernetes-preserve-unknown-fields " +
    "x-kubernetes-embedded-resource x-kubernetes-int-or-string",
  list: "enum required allOf oneOf anyOf x-kubernetes-list-map-keys x-kubernetes-validations",
  object: "properties not externalDocs",
  any: "default example items additionalProperties",
};

const typeOfKeyword = new Map(
  Object.entries(keywordsByType).flatMap(([type, names]) => names.split(" ").map(name => [name, type] as const)),
);

/** Frequent finds in schemas that were written for other dialects, with what to write instead. */
const advice: Record<string, string> = {
  $ref: "references are not allowed: write the schema in place",
  $schema: "leave it out",
  $defs: "definitions are not allowed: write the schema in place",
  definitions: "definitions are not allowed: write the schema in place",
  const: "write enum with one value",
  patternProperties: "write additionalProperties",
  prefixItems: "tuples are not allowed: write one schema under items",
  propertyNames: "write an x-kubernetes-validations rule",
};

const types = ["array", "boolean", "integer", "number", "object", "string"];

/** Deeper than any schema of use. */
const deepest = 100;

/** Each problem is `<path>: <what is wrong>`; none when the schema is fine. `path` is that of the root. */
export function schemaProblems(schema: unknown, path: string): string[] {
  if (!isRecord(schema)) return [`${path}: must be a schema, that is an object`];
  const root = schema["type"] === "object" ? [] : [`${path}.type: the root must have type object`];
  if (schema["nullable"] === true) root.push(`${path}.nullable: the root must not be nullable`);
  return [...new Set([...root, ...structure(schema, path, 0)])];
}

/** A schema that says what a value consists of. */
function* structure(schema: unknown, path: string, depth: number): Generator<string> {
  if (!isRecord(schema) || depth > deepest) return yield notASchema(path, depth);
  yield* keywords(schema, path);
  yield* typing(schema, path);
  yield* junctors(schema, path, depth);
  const [properties, additional] = [children(schema["properties"]), schema["additionalProperties"]];
  if (properties.length > 0 && additional !== undefined)
    yield `${path}: has both properties and additionalProperties; only one of them is allowed`;
  for (const [name, property] of properties) yield* structure(property, `${path}.properties.${name}`, depth + 1);
  if (isRecord(additional)) yield* structure(additional, `${path}.additionalProperties`, depth + 1);
  if (schema["items"] !== undefined) yield* structure(schema["items"], `${path}.items`, depth + 1);
}

function* keywords(schema: Schema, path: string): Generator<string> {
  for (const [keyword, value] of Object.entries(schema)) {
    const expected = typeOfKeyword.get(keyword);
    if (expected === undefined)
      yield `${path}.${keyword}: ${(Object.hasOwn(advice, keyword) && advice[keyword]) || "Kubernetes does not know this keyword"}`;
    else if (!isOfType(value, expected) && keyword !== "type") yield `${path}.${keyword}: must be of type ${expected}`;
  }
  if (schema["uniqueItems"] === true)
    yield `${path}.uniqueItems: true is not allowed; write x-kubernetes-list-type: set`;
}

function* typing(schema: Schema, path: string): Generator<string> {
  const type = schema["type"] ?? "";
  const untyped =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (Array.isArray(type)) yield `${path}.type: must be one type; for "or null" write nullable: true`;
  else if (type === "" && !untyped) yield `${path}.type: is required`;
  else if (type !== "" && !types.includes(String(type))) yield `${path}.type: must be one of ${types.join(", ")}`;
  if (type === "array" && schema["items"] === undefined) yield `${path}.items: is required for type array`;
}

function* junctors(schema: Schema, path: string, depth: number): Generator<string> {
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const) {
    const branches = schema[junctor];
    if (!Array.isArray(branches) || (intOrString && junctor === "anyOf" && isIntOrString(branches))) continue;
    for (const [at, branch] of branches.entries()) {
      const allowed =
        intOrString && junctor === "allOf" && at === 0 && isRecord(branch) && isIntOrString(branch["anyOf"]);
      if (!allowed) yield* restriction(branch, `${path}.${junctor}[${at}]`, depth + 1);
    }
  }
  if (schema["not"] !== undefined) yield* restriction(schema["not"], `${path}.not`, depth + 1);
}

/** The one union of types that Kubernetes knows, and only in this order. */
function isIntOrString(branches: unknown): boolean {
  return JSON.stringify(branches) === '[{"type":"integer"},{"type":"string"}]';
}

const structureOnly = [
  "description",
  "type",
  "title",
  "default",
  "nullable",
  "additionalProperties",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
];

/** A schema below allOf, anyOf, oneOf or not: it may only restrict what is declared outside. */
function* restriction(schema: unknown, path: string, depth: number): Generator<string> {
  if (!isRecord(schema) || depth > deepest) return yield notASchema(path, depth);
  yield* keywords(schema, path);
  for (const keyword of structureOnly)
    if (schema[keyword] !== undefined && schema[keyword] !== "" && schema[keyword] !== false)
      yield `${path}.${keyword}: is not allowed below allOf, anyOf, oneOf and not; say it outside`;
  for (const [name, property] of children(schema["properties"]))
    yield* restriction(property, `${path}.properties.${name}`, depth + 1);
  if (schema["items"] !== undefined) yield* restriction(schema["items"], `${path}.items`, depth + 1);
  for (const junctor of ["allOf", "anyOf", "oneOf"]) {
    const branches = schema[junctor];
    if (!Array.isArray(branches)) continue;
    for (const [at, branch] of branches.entries()) yield* restriction(branch, `${path}.${junctor}[${at}]`, depth + 1);
  }
  if (schema["not"] !== undefined) yield* restriction(schema["not"], `${path}.not`, depth + 1);
}

function notASchema(path: string, depth: number): string {
  return depth > deepest
    ? `${path}: nested deeper than ${deepest} levels`
    : `${path}: must be a schema, that is an object`;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "any") return true;
  if (type === "list") return Array.isArray(value);
  return type === "object" ? isRecord(value) : typeof value === type;
}

function children(value: unknown): [string, unknown][] {
  return Object.entries(recordOf(value));
}
