/**
 * From JSON Schema, as zod writes it for OpenAPI 3.0, to the structural schema of a CRD.
 *
 * What a CRD cannot say is widened where the flight's own check (zod, at each render) still holds it, such as which
 * fields belong to which variant of a union; it is refused with its path where the shape itself cannot be told.
 *
 * Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", Specifying a structural schema.
 */
import { errors } from "./errors.ts";

export type Schema = { readonly [keyword: string]: unknown };

/** Keywords that a CRD takes as they are, besides `x-kubernetes-…`. */
const kept = [
  "type",
  "description",
  "nullable",
  "default",
  "format",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "required",
];

/** Keywords that restrict a value and do not say what it is made of: all that may stand below anyOf and allOf. */
const restrictions = kept.slice(kept.indexOf("pattern"));

/** Formats that the API server checks as zod does. It reads `duration` and `uri` otherwise. */
const formats = new Set(["date", "date-time", "email", "ipv4", "ipv6", "uuid", "int32", "int64"]);

/** Go's regular expressions have neither look-around nor back-references. */
const notInGo = /\(\?(=|!|<=|<!)|\\[1-9]|\\k</;

/** @throws FLIGHT_SCHEMA_UNSUPPORTED */
export function toStructural(schema: Schema, path: string): Schema {
  return new Converter(schema).convert(schema, path, []);
}

class Converter {
  readonly #root: Schema;

  constructor(root: Schema) {
    this.#root = root;
  }

  /** `within`: the references that led here. */
  convert(schema: Schema, path: string, within: readonly string[]): Schema {
    const reference = schema["$ref"];
    if (typeof reference === "string") return this.#referenced(schema, reference, path, within);
    if (schema["not"] !== undefined) throw refused(path, "no value would be valid");
    const variants = listOf(schema["anyOf"] ?? schema["oneOf"]);
    if (variants) return this.#union(schema, variants, path, within);
    const parts = listOf(schema["allOf"]);
    if (parts) return this.#intersection(schema, parts, path, within);
    if (isNull(schema)) throw refused(path, "null alone is no value; use .nullable() on another type");
    if (schema["enum"] !== undefined) return enumeration(schema, path);
    if (schema["type"] === "object") return this.#object(schema, path, within);
    if (schema["type"] === "array") return this.#array(schema, path, within);
    if (schema["type"] === undefined) return { ...common(schema, path), "x-kubernetes-preserve-unknown-fields": true };
    return common(schema, path);
  }

  #referenced(schema: Schema, reference: string, path: string, within: readonly string[]): Schema {
    if (reference === "#" || within.includes(reference)) {
      throw refused(path, "it contains itself; a CRD has no recursion, z.any() takes what is below");
    }
    const name = reference.replace(/^#\/(definitions|\$defs|components\/schemas)\//, "");
    const target = fieldOf(this.#root["definitions"] ?? this.#root["$defs"], name);
    if (!target) throw refused(path, `the reference ${reference} leads nowhere`);
    const { $ref: _, ...beside } = schema;
    return this.convert({ ...target, ...beside }, path, [...within, reference]);
  }

  #object(schema: Schema, path: string, within: readonly string[]): Schema {
    const out: Record<string, unknown> = { ...common(schema, path) };
    const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
    const rest = schema["additionalProperties"];
    if (properties.length > 0) {
      out["properties"] = Object.fromEntries(
        properties.map(([name, property]) => [name, this.convert(property, `${path}.${name}`, within)]),
      );
    }
    if (rest === undefined || rest === false) return out;
    if (properties.length === 0) {
      out["additionalProperties"] = this.convert(isSchema(rest) ? rest : {}, `${path}.*`, within);
      return out;
    }
    if (isSchema(rest) && Object.keys(rest).length > 0) {
      throw refused(path, "it has named fields and a schema for all others; a CRD takes one of the two");
    }
    return { ...out, "x-kubernetes-preserve-unknown-fields": true };
  }

  #array(schema: Schema, path: string, within: readonly string[]): Schema {
    const items = schema["items"];
    return { ...common(schema, path), items: this.convert(isSchema(items) ? items : {}, `${path}[]`, within) };
  }

  #intersection(schema: Schema, parts: readonly Schema[], path: string, within: readonly string[]): Schema {
    const { allOf: _, ...outer } = schema;
    const all = parts.map(part => this.convert(part, path, within));
    const type = all[0]?.["type"] ?? outer["type"];
    if (all.some(part => part["type"] !== type)) throw refused(path, "it is of two types at the same time");
    if (type === "object") return this.#merge(all, path, common(outer, path), within, "all");
    const allOf = all.map(restrictionsOf).filter(part => Object.keys(part).length > 0);
    return { type, ...common(outer, path), ...(allOf.length > 0 && { allOf }) };
  }

  #union(schema: Schema, variants: readonly Schema[], path: string, within: readonly string[]): Schema {
    const { anyOf: _, oneOf: __, ...outer } = schema;
    const values = variants.filter(variant => !isNull(variant));
    const nullable = values.length < variants.length ? { nullable: true } : {};
    const all = distinct(values.map(variant => this.convert(variant, path, within)));
    const [only] = all;
    const around = { ...nullable, ...common(outer, path) };
    if (only && all.length === 1) return { ...only, ...around };
    const kinds = new Set(all.map(kindOf));
    if ([...kinds].every(kind => kind === "integer" || kind === "string" || kind === "int-or-string")) {
      if (kinds.size > 1) return { ...around, ...intOrString };
    }
    if (kinds.size > 1)
      throw refused(path, `it may be ${[...kinds].join(" or ")}; a CRD knows one type, or int or string`);
    if (kinds.has("object")) return this.#merge(all, path, around, within, "any");
    if (kinds.has("array")) {
      const items = all.map(variant => variant["items"] as Schema);
      return { type: "array", ...around, items: this.#union({}, items, `${path}[]`, within) };
    }
    return { ...sameType(all), ...around };
  }

  /** One object with the fields of all; `any`: required is what each of them requires. */
  #merge(all: readonly Schema[], path: string, around: Schema, within: readonly string[], mode: "any" | "all"): Schema {
    const open = all.some(part => part["x-kubernetes-preserve-unknown-fields"] === true);
    if (all.some(part => part["additionalProperties"] !== undefined)) {
      throw refused(path, "a map cannot be joined with another object");
    }
    const fields = new Map<string, Schema[]>();
    for (const part of all) {
      for (const [name, field] of Object.entries((part["properties"] ?? {}) as Record<string, Schema>)) {
        fields.set(name, [...(fields.get(name) ?? []), field]);
      }
    }
    const properties = [...fields].map(([name, found]) => [name, this.#union({}, found, `${path}.${name}`, within)]);
    const requirements = all.map(part => new Set((part["required"] ?? []) as string[]));
    const required = [...fields.keys()].filter(name =>
      mode === "any" ? requirements.every(set => set.has(name)) : requirements.some(set => set.has(name)),
    );
    return {
      type: "object",
      ...around,
      properties: Object.fromEntries(properties),
      ...(required.length > 0 && { required }),
      ...(open && { "x-kubernetes-preserve-unknown-fields": true }),
    };
  }
}

const intOrString = {
  anyOf: [{ type: "integer" }, { type: "string" }],
  "x-kubernetes-int-or-string": true,
};

/** The keywords of any type of value. */
function common(schema: Schema, path: string): Schema {
  const out: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (kept.includes(keyword) || keyword.startsWith("x-kubernetes-")) out[keyword] = value;
  }
  // zod bounds every integer by what JavaScript counts exactly.
  if (out["minimum"] === Number.MIN_SAFE_INTEGER) delete out["minimum"];
  if (out["maximum"] === Number.MAX_SAFE_INTEGER) delete out["maximum"];
  const { pattern, format } = out;
  if (typeof pattern === "string" && notInGo.test(pattern)) {
    if (format === undefined) throw refused(path, `the pattern ${pattern} has look-around or back-references`);
    delete out["pattern"];
  }
  if (typeof format === "string" && !formats.has(format)) delete out["format"];
  return out;
}

function enumeration(schema: Schema, path: string): Schema {
  const values = (listed(schema["enum"]) ?? []).filter(value => value !== null);
  const types = new Set(values.map(value => typeof value));
  if (types.size !== 1) throw refused(path, "its values are of different types");
  const [type] = types;
  const nullable = schema["nullable"] === true || values.length < (listed(schema["enum"])?.length ?? 0);
  return {
    type,
    ...common(schema, path),
    // The API server refuses null by an enum even where null is listed; it does not look below allOf for null.
    ...(nullable ? { nullable, allOf: [{ enum: values }] } : { enum: values }),
  };
}

/** Variants of one simple type: one of their restrictions holds. */
function sameType(all: readonly Schema[]): Schema {
  const nullable = all.some(variant => variant["nullable"] === true) ? { nullable: true } : {};
  const [type] = all.map(variant => variant["type"]);
  const enums = all.map(variant => listed(variant["enum"]));
  if (enums.every(values => values !== undefined)) {
    return { type, ...nullable, enum: [...new Set(enums.flat())] };
  }
  const anyOf = all.map(restrictionsOf);
  if (anyOf.some(variant => Object.keys(variant).length === 0)) return { type, ...nullable };
  return { type, ...nullable, anyOf };
}

function restrictionsOf(schema: Schema): Schema {
  const names = [...restrictions, "enum", "allOf", "anyOf"];
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => names.includes(keyword)));
}

function kindOf(schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "int-or-string";
  return typeof schema["type"] === "string" ? schema["type"] : "anything";
}

function distinct(all: readonly Schema[]): Schema[] {
  return [...new Map(all.map(schema => [JSON.stringify(schema), schema])).values()];
}

function isNull(schema: Schema): boolean {
  return schema["type"] === "null" || (listed(schema["enum"])?.every(value => value === null) ?? false);
}

function listed(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function listOf(value: unknown): readonly Schema[] | undefined {
  return listed(value)?.filter(isSchema);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldOf(value: unknown, name: string): Schema | undefined {
  const field = isSchema(value) ? value[name] : undefined;
  return isSchema(field) ? field : undefined;
}

export function refused(path: string, what: string): Error {
  return errors.FLIGHT_SCHEMA_UNSUPPORTED({ path, what });
}
