import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { toCrd } from "./crd.ts";
import { defineFlight } from "./flight.ts";
import type { Schema } from "./structural.ts";

/** The CRD's schema of one field of a spec. */
function fieldSchema(field: z.ZodType): Schema {
  const flight = defineFlight({ group: "example.com", kind: "Test", spec: z.object({ field }), render: () => [] });
  const root = toCrd(flight).versions[0]?.schema.openAPIV3Schema;
  return at(at(at(at(root, "properties"), "spec"), "properties"), "field");
}

function at(schema: unknown, key: string): Schema {
  return (schema as Record<string, Schema>)[key] ?? {};
}

const intOrString = { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true };
const anything = { "x-kubernetes-preserve-unknown-fields": true };

test.each<[string, z.ZodType, Schema]>([
  ["int", z.int(), { type: "integer" }],
  ["int with bounds", z.int().min(0).max(5).default(2), { type: "integer", minimum: 0, maximum: 5, default: 2 }],
  ["number", z.number().gt(1), { type: "number", minimum: 1, exclusiveMinimum: true }],
  ["description", z.string().describe("why"), { type: "string", description: "why" }],
  ["nullable", z.string().nullable(), { type: "string", nullable: true }],
  ["enum", z.enum(["a", "b"]), { type: "string", enum: ["a", "b"] }],
  ["nullable enum", z.enum(["a"]).nullable(), { type: "string", nullable: true, allOf: [{ enum: ["a"] }] }],
  ["numbers", z.literal([1, 2]), { type: "number", enum: [1, 2] }],
  ["int or string", z.union([z.int(), z.string()]), intOrString],
  ["string or int", z.union([z.string(), z.int().min(1)]), intOrString],
  ["int or string, default", z.union([z.int(), z.string()]).default("25%"), { ...intOrString, default: "25%" }],
  ["int, string or null", z.union([z.int(), z.string(), z.null()]), { ...intOrString, nullable: true }],
  ["literals of both types", z.union([z.literal("a"), z.literal("b")]), { type: "string", enum: ["a", "b"] }],
  ["literal or any string", z.union([z.literal("a"), z.string()]), { type: "string" }],
  [
    "two patterns",
    z.union([z.string().regex(/^a/), z.string().regex(/^b/)]),
    { type: "string", anyOf: [{ pattern: "^a" }, { pattern: "^b" }] },
  ],
  [
    "both patterns",
    z.string().startsWith("a").endsWith("b"),
    { type: "string", allOf: [{ pattern: "^a.*" }, { pattern: ".*b$" }] },
  ],
  ["any", z.any(), anything],
  ["list", z.array(z.string()).min(1), { type: "array", items: { type: "string" }, minItems: 1 }],
  [
    "tuple of one type",
    z.tuple([z.int(), z.int()]),
    { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 2 },
  ],
  [
    "tuple of int and string",
    z.tuple([z.int(), z.string()]),
    { type: "array", items: intOrString, minItems: 2, maxItems: 2 },
  ],
  ["map", z.record(z.string(), z.int()), { type: "object", additionalProperties: { type: "integer" } }],
  ["map of anything", z.record(z.string(), z.any()), { type: "object", additionalProperties: anything }],
  [
    "loose",
    z.looseObject({ a: z.string().optional() }),
    { type: "object", properties: { a: { type: "string" } }, ...anything },
  ],
  ["strict", z.strictObject({ a: z.string().optional() }), { type: "object", properties: { a: { type: "string" } } }],
  ["date keeps its format", z.iso.date(), expect.objectContaining({ type: "string", format: "date" }) as Schema],
  ["duration loses a pattern that Go cannot read", z.iso.duration(), { type: "string" }],
  ["transform: what goes in", z.string().transform(text => text.length), { type: "string" }],
  [
    "own rules of Kubernetes",
    z.string().meta({ "x-kubernetes-validations": [{ rule: "self != ''" }] }),
    { type: "string", "x-kubernetes-validations": [{ rule: "self != ''" }] },
  ],
  ["a named schema", z.array(z.string().meta({ id: "Name" })), { type: "array", items: { type: "string" } }],
])("%s", (_, field, expected) => {
  expect(fieldSchema(field)).toEqual(expected);
});

test("a discriminated union is one object with all fields; what all variants need is required", () => {
  const field = z.discriminatedUnion("type", [
    z.object({ type: z.literal("http"), port: z.int(), path: z.string() }),
    z.object({ type: z.literal("tcp"), port: z.int() }),
  ]);
  expect(fieldSchema(field)).toEqual({
    type: "object",
    properties: {
      type: { type: "string", enum: ["http", "tcp"] },
      port: { type: "integer" },
      path: { type: "string" },
    },
    required: ["type", "port"],
  });
});

const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});

test.each<[string, z.ZodType, string]>([
  ["date", z.object({ when: z.date() }), "spec.field.when: JSON has no date"],
  ["bigint in a list", z.array(z.bigint()), "spec.field[]: JSON has no bigint"],
  ["map", z.record(z.string(), z.map(z.string(), z.string())), "spec.field.*: JSON has no map"],
  ["recursion", Tree, "spec.field.children[]: it contains itself"],
  ["string or boolean", z.union([z.string(), z.boolean()]), "spec.field: it may be string or boolean"],
  ["values of two types", z.literal(["a", 1]), "spec.field: its values are of different types"],
  ["null", z.null(), "spec.field: null alone"],
  ["never", z.never(), "spec.field: no value"],
  ["look-ahead", z.string().regex(/^a(?=b)/), "spec.field: the pattern"],
  ["named and other fields", z.object({ a: z.string() }).catchall(z.int()), "spec.field: it has named fields"],
  [
    "variants that differ in a field's type",
    z.discriminatedUnion("t", [
      z.object({ t: z.literal("a"), v: z.boolean() }),
      z.object({ t: z.literal("b"), v: z.string() }),
    ]),
    "spec.field.v: it may be boolean or string",
  ],
])("%s is refused with its path", (_, field, message) => {
  expect(() => fieldSchema(field)).toThrow(
    expect.objectContaining({ code: "FLIGHT_SCHEMA_UNSUPPORTED", message: expect.stringContaining(message) }),
  );
});

/** What Kubernetes demands of each place in a structural schema; an independent and shorter telling of the rules. */
function violations(schema: Schema, path = ""): string[] {
  const untyped =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const found: string[] = [];
  if (typeof schema["type"] !== "string" && !untyped) found.push(`${path}: no type`);
  if (schema["type"] === "array" && !schema["items"]) found.push(`${path}: no items`);
  if (schema["properties"] && schema["additionalProperties"]) found.push(`${path}: both`);
  for (const keyword of ["$ref", "oneOf", "not", "definitions", "$schema"]) {
    if (keyword in schema) found.push(`${path}: ${keyword}`);
  }
  if (!untyped) {
    for (const branch of [schema["anyOf"], schema["allOf"]].flatMap(list => (list as Schema[] | undefined) ?? [])) {
      for (const keyword of ["type", "default", "description", "nullable", "properties", "items"]) {
        if (keyword in branch) found.push(`${path}: ${keyword} in a branch`);
      }
    }
  }
  for (const [name, property] of Object.entries((schema["properties"] ?? {}) as Record<string, Schema>)) {
    found.push(...violations(property, `${path}.${name}`));
  }
  for (const keyword of ["items", "additionalProperties"]) {
    if (schema[keyword]) found.push(...violations(schema[keyword] as Schema, `${path}.${keyword}`));
  }
  return found;
}

/** Whether the API server would take a value, as far as shapes go: types, required, enum. */
function admits(schema: Schema, value: unknown): boolean {
  if (value === null) return schema["nullable"] === true || schema["type"] === undefined;
  const values = schema["enum"] as unknown[] | undefined;
  if (values && !values.includes(value)) return false;
  if (schema["x-kubernetes-int-or-string"]) return typeof value === "string" || Number.isInteger(value);
  if (schema["type"] === "integer") return Number.isInteger(value);
  if (schema["type"] === "array")
    return Array.isArray(value) && value.every(item => admits(schema["items"] as Schema, item));
  if (schema["type"] === "object") {
    if (typeof value !== "object" || Array.isArray(value)) return false;
    const properties = (schema["properties"] ?? {}) as Record<string, Schema>;
    const rest = schema["additionalProperties"] as Schema | undefined;
    const required = (schema["required"] ?? []) as string[];
    return (
      required.every(name => name in value) &&
      Object.entries(value).every(([name, field]) => {
        const own = properties[name] ?? rest;
        return own ? admits(own, field) : true;
      })
    );
  }
  return schema["type"] === undefined || typeof value === schema["type"];
}

/** A zod schema together with values that it takes. */
interface Sample {
  readonly schema: z.ZodType;
  readonly value: unknown;
}

const leaf: fc.Arbitrary<Sample> = fc.oneof(
  fc.string().map(value => ({ schema: z.string(), value })),
  fc.integer().map(value => ({ schema: z.int(), value })),
  fc.boolean().map(value => ({ schema: z.boolean(), value })),
  fc.constantFrom("a", "b").map(value => ({ schema: z.enum(["a", "b"]), value })),
  fc.oneof(fc.string(), fc.integer()).map(value => ({ schema: z.union([z.string(), z.int()]), value })),
  fc.jsonValue().map(value => ({ schema: z.any(), value })),
);

const { sample } = fc.letrec<{ sample: Sample }>(tie => ({
  sample: fc.oneof(
    { maxDepth: 4 },
    leaf,
    tie("sample").map(({ schema, value }) => ({ schema: z.array(schema), value: [value] })),
    tie("sample").map(({ schema, value }) => ({ schema: z.record(z.string(), schema), value: { k: value } })),
    tie("sample").map(({ schema, value }) => ({ schema: schema.nullable(), value })),
    fc.tuple(tie("sample"), tie("sample")).map(([a, b]) => ({
      schema: z.object({ a: a.schema, b: b.schema.optional() }).describe("an object"),
      value: { a: a.value, b: b.value },
    })),
    fc.tuple(tie("sample"), tie("sample")).map(([a, b]) => ({
      schema: z.discriminatedUnion("t", [
        z.object({ t: z.literal("x"), x: a.schema }),
        z.object({ t: z.literal("y"), y: b.schema }),
      ]),
      value: { t: "x", x: a.value },
    })),
  ),
}));

test("every schema becomes a structural one, and what zod takes the API server takes", () => {
  fc.assert(
    fc.property(sample, ({ schema, value }) => {
      const structural = fieldSchema(schema);
      expect(violations(structural)).toEqual([]);
      expect(schema.safeParse(value).success).toBe(true);
      expect(admits(structural, JSON.parse(JSON.stringify(value)))).toBe(true);
    }),
    { numRuns: 300 },
  );
});
