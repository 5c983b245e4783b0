/**
 * Whether a schema is structural, told with paths before the API server is asked. Its own answers are precise too, but
 * come one field after another, or as a bare decoding error for a keyword that it does not know.
 * Never stricter than the API server: what is doubtful is left to it.
 * Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", Specifying a structural schema.
 */

type Schema = Record<string, unknown>;

const types = ["array", "boolean", "integer", "number", "object", "string"];

/** What JSONSchemaProps of apiextensions.k8s.io/v1 knows and a structural schema may use. */
const keywords = new Set(
  (
    "description type format title default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern " +
    "maxItems minItems uniqueItems multipleOf enum maxProperties minProperties required items allOf oneOf anyOf not " +
    "properties additionalProperties externalDocs example nullable x-kubernetes-preserve-unknown-fields " +
    "x-kubernetes-embedded-resource x-kubernetes-int-or-string x-kubernetes-list-map-keys x-kubernetes-list-type " +
    "x-kubernetes-map-type x-kubernetes-validations"
  ).split(" "),
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

/** Each problem is `<path>: <what is wrong>`; empty when none was found. `path` is that of the root schema. */
export function schemaProblems(schema: unknown, path: string): string[] {
  if (!isRecord(schema)) return [`${path}: must be an object`];
  const problems: string[] = [];
  if (schema["type"] !== "object") problems.push(`${path}.type: the root must have type object`);
  if (schema["nullable"] === true) problems.push(`${path}.nullable: the root must not be nullable`);
  return [...problems, ...visit(schema, path, 0)];
}

/** Deeper than any schema of use; the API server's own parser gives up far later. */
const deepest = 128;

function* visit(schema: unknown, path: string, depth: number): Generator<string> {
  if (!isRecord(schema)) return yield `${path}: must be a schema, that is an object`;
  if (depth > deepest) return yield `${path}: nested deeper than ${deepest} levels`;
  yield* checkKeywords(schema, path);
  yield* checkType(schema, path);
  yield* checkValues(schema, path);
  if (schema["properties"] !== undefined && isRecord(schema["additionalProperties"]))
    yield `${path}: has both properties and additionalProperties; only one of them is allowed`;
  if (schema["additionalProperties"] === false)
    yield `${path}.additionalProperties: false is not allowed; unknown fields are pruned anyway`;
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const) yield* checkJunctor(schema, junctor, path);
  if (isRecord(schema["not"])) yield* checkNested(schema["not"], schema, `${path}.not`, 0);
  for (const [name, property] of children(schema["properties"]))
    yield* visit(property, `${path}.properties.${name}`, depth + 1);
  if (schema["items"] !== undefined) yield* visit(schema["items"], `${path}.items`, depth + 1);
  if (isRecord(schema["additionalProperties"]))
    yield* visit(schema["additionalProperties"], `${path}.additionalProperties`, depth + 1);
}

function* checkKeywords(schema: Schema, path: string): Generator<string> {
  for (const keyword of Object.keys(schema)) {
    if (keywords.has(keyword)) continue;
    yield `${path}.${keyword}: ${advice[keyword] ?? "Kubernetes does not know this keyword"}`;
  }
}

function* checkType(schema: Schema, path: string): Generator<string> {
  const type = schema["type"];
  const untyped =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (Array.isArray(type)) return yield `${path}.type: must be one type; for "or null" write nullable: true`;
  if (type === undefined || type === "") {
    if (!untyped) yield `${path}.type: is required`;
    return;
  }
  if (schema["x-kubernetes-int-or-string"] === true)
    yield `${path}.type: must be left out beside x-kubernetes-int-or-string`;
  if (!types.includes(String(type))) yield `${path}.type: "${String(type)}" is none of ${types.join(", ")}`;
  if (type === "array" && schema["items"] === undefined) yield `${path}.items: is required for type array`;
}

function* checkValues(schema: Schema, path: string): Generator<string> {
  for (const keyword of ["exclusiveMinimum", "exclusiveMaximum"])
    if (schema[keyword] !== undefined && typeof schema[keyword] !== "boolean")
      yield `${path}.${keyword}: must be true or false beside ${keyword === "exclusiveMinimum" ? "minimum" : "maximum"}`;
  if (schema["uniqueItems"] === true)
    yield `${path}.uniqueItems: true is not allowed; write x-kubernetes-list-type: set`;
  const required = schema["required"];
  if (required !== undefined && !(Array.isArray(required) && required.every(name => typeof name === "string")))
    yield `${path}.required: must be a list of property names`;
  if (schema["enum"] !== undefined && !Array.isArray(schema["enum"])) yield `${path}.enum: must be a list`;
  if (schema["properties"] !== undefined && !isRecord(schema["properties"]))
    yield `${path}.properties: must be an object`;
}

function* checkJunctor(schema: Schema, junctor: "allOf" | "anyOf" | "oneOf", path: string): Generator<string> {
  const branches = schema[junctor];
  if (branches === undefined) return;
  if (!Array.isArray(branches)) return yield `${path}.${junctor}: must be a list`;
  if (schema["x-kubernetes-int-or-string"] === true && junctor !== "oneOf") return;
  for (const [at, branch] of branches.entries()) yield* checkNested(branch, schema, `${path}.${junctor}[${at}]`, 0);
}

const structureOnly = ["description", "type", "default", "additionalProperties", "nullable", "title"];

/**
 * A schema below allOf, anyOf, oneOf or not may only restrict values: what an object consists of is said outside, and
 * `outside` is the schema there for the same value.
 */
function* checkNested(nested: unknown, outside: Schema, path: string, depth: number): Generator<string> {
  if (!isRecord(nested)) return yield `${path}: must be a schema, that is an object`;
  if (depth > deepest) return yield `${path}: nested deeper than ${deepest} levels`;
  yield* checkKeywords(nested, path);
  for (const keyword of structureOnly)
    if (nested[keyword] !== undefined && nested[keyword] !== "" && nested[keyword] !== false)
      yield `${path}.${keyword}: is not allowed below allOf, anyOf, oneOf and not; say it outside`;
  const declared = Object.fromEntries(children(outside["properties"]));
  for (const [name, property] of children(nested["properties"])) {
    const same = declared[name];
    if (isRecord(same)) yield* checkNested(property, same, `${path}.properties.${name}`, depth + 1);
    else yield `${path}.properties.${name}: must be declared outside of allOf, anyOf, oneOf and not as well`;
  }
  if (isRecord(nested["items"]) && isRecord(outside["items"]))
    yield* checkNested(nested["items"], outside["items"], `${path}.items`, depth + 1);
  for (const junctor of ["allOf", "anyOf", "oneOf"]) {
    const branches = nested[junctor];
    if (!Array.isArray(branches)) continue;
    for (const [at, branch] of branches.entries()) yield* checkNested(branch, outside, `${path}.${junctor}[${at}]`, depth + 1);
  }
}

function children(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
