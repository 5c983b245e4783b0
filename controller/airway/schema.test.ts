import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { schemaProblems } from "./schema.ts";

function problemsOf(spec: unknown): string[] {
  return schemaProblems({ type: "object", properties: { spec } }, "schema");
}

describe("accepts what Kubernetes 1.34 accepts", () => {
  test.each<[string, unknown]>([
    ["typed values", { type: "object", properties: { a: { type: "string", pattern: "^a$", default: "a" } } }],
    ["a map", { type: "object", additionalProperties: { type: "string" } }],
    ["an open object", { type: "object", "x-kubernetes-preserve-unknown-fields": true }],
    ["anything", { "x-kubernetes-preserve-unknown-fields": true }],
    ["int-or-string", { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] }],
    [
      "int-or-string with a pattern",
      {
        "x-kubernetes-int-or-string": true,
        allOf: [{ anyOf: [{ type: "integer" }, { type: "string" }] }, { pattern: "x" }],
      },
    ],
    [
      "restrictions",
      { type: "object", properties: { a: { type: "string" } }, anyOf: [{ required: ["a"] }, { not: {} }] },
    ],
    ["a closed empty object", { type: "object", additionalProperties: false }],
    ["documentation", { type: "string", externalDocs: { url: "https://example.com" }, example: "a" }],
  ])("%s", (_, spec) => {
    expect(problemsOf(spec)).toEqual([]);
  });
});

describe("names the path of what it refuses", () => {
  test.each<[string, unknown, string]>([
    ["no type", {}, "schema.properties.spec.type: is required"],
    ["two types", { type: ["string", "null"] }, 'schema.properties.spec.type: must be one type; for "or null"'],
    ["an odd type", { type: "text" }, "schema.properties.spec.type: must be one of"],
    ["an array of anything", { type: "array" }, "schema.properties.spec.items: is required"],
    ["a tuple", { type: "array", items: [{ type: "string" }] }, "schema.properties.spec.items: must be a schema"],
    ["a reference", { $ref: "#/x" }, "schema.properties.spec.$ref: references are not allowed"],
    ["const", { type: "string", const: "a" }, "schema.properties.spec.const: write enum"],
    [
      "a foreign keyword",
      { type: "string", readOnly: true },
      "schema.properties.spec.readOnly: Kubernetes does not know",
    ],
    ["a trap", { type: "string", constructor: 1 }, "schema.properties.spec.constructor: Kubernetes does not know"],
    ["a text as a number", { type: "integer", minimum: "5" }, "schema.properties.spec.minimum: must be of type number"],
    [
      "a draft 2020 bound",
      { type: "integer", exclusiveMinimum: 5 },
      "schema.properties.spec.exclusiveMinimum: must be",
    ],
    ["required as text", { type: "object", required: "a" }, "schema.properties.spec.required: must be of type list"],
    [
      "unique items",
      { type: "array", items: { type: "string" }, uniqueItems: true },
      "schema.properties.spec.uniqueItems",
    ],
    [
      "a type in a union",
      { type: "string", oneOf: [{ type: "string" }] },
      "schema.properties.spec.oneOf[0].type: is not",
    ],
    [
      "a deep one",
      { type: "object", additionalProperties: { type: "array", items: { properties: { x: true } } } },
      "schema.properties.spec.additionalProperties.items.properties.x: must be a schema",
    ],
    [
      "properties beside a map",
      { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
      "schema.properties.spec: has both properties and additionalProperties",
    ],
  ])("%s", (_, spec, expected) => {
    expect(problemsOf(spec).find(problem => problem.startsWith(expected))).toBeDefined();
  });

  test("the root must be an object", () => {
    expect(schemaProblems({ type: "string" }, "schema")).toEqual(["schema.type: the root must have type object"]);
    expect(schemaProblems(undefined, "schema")).toEqual(["schema: must be a schema, that is an object"]);
  });
});

test("any JSON gives an answer", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), value => {
      expect(Array.isArray(problemsOf(value))).toBe(true);
    }),
  );
});

test("nesting without end is refused, not followed", () => {
  let schema: Record<string, unknown> = { type: "string" };
  for (let depth = 0; depth < 5000; depth++) schema = { type: "array", items: schema };
  expect(problemsOf(schema).join()).toContain("nested deeper than");
});
