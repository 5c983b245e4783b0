/** From a flight to the CustomResourceDefinition of its instances: the `template` of an Airway. */
import * as z from "zod";
import type { Flight, OtherVersion, PrinterColumn } from "./flight.ts";
import { refused, type Schema, toStructural } from "./structural.ts";

/** CustomResourceDefinitionSpec (apiextensions.k8s.io/v1). The flight's own version is stored. */
export interface CrdSpec {
  readonly group: string;
  readonly names: {
    readonly kind: string;
    readonly plural: string;
    readonly singular: string;
    readonly listKind: string;
    readonly shortNames?: readonly string[];
  };
  readonly scope: "Namespaced" | "Cluster";
  readonly versions: readonly {
    readonly name: string;
    readonly served: boolean;
    readonly storage: boolean;
    readonly subresources: { readonly status: Record<string, never> };
    readonly additionalPrinterColumns?: readonly PrinterColumn[];
    readonly schema: { readonly openAPIV3Schema: Schema };
  }[];
}

/** @throws FLIGHT_SCHEMA_UNSUPPORTED with the path of what a CRD cannot say */
export function toCrd(flight: Flight): CrdSpec {
  const { kind, plural } = flight;
  return {
    group: flight.group,
    names: {
      kind,
      plural,
      singular: kind.toLowerCase(),
      listKind: `${kind}List`,
      ...(flight.shortNames && { shortNames: flight.shortNames }),
    },
    scope: flight.scope,
    versions: [
      versionOf(flight, flight.version, flight, ""),
      ...Object.entries(flight.otherVersions ?? {}).map(([name, other]) => versionOf(flight, name, other, `${name}.`)),
    ],
  };
}

type Version = CrdSpec["versions"][number];

function versionOf(
  { printerColumns, description, version }: Flight,
  name: string,
  of: OtherVersion,
  path: string,
): Version {
  const storage = name === version && path === "";
  return {
    name,
    served: of.served ?? true,
    storage,
    subresources: { status: {} },
    ...(storage && printerColumns && { additionalPrinterColumns: printerColumns }),
    schema: { openAPIV3Schema: rootSchema(of, description, path) },
  };
}

function rootSchema(version: OtherVersion, description: string | undefined, path: string): Schema {
  const spec = schemaOf(version.spec, `${path}spec`);
  const required = Array.isArray(spec["required"]) && spec["required"].length > 0;
  return {
    type: "object",
    ...(description && { description }),
    properties: {
      // Defaults are filled in below what is there; so an instance may leave out a spec that needs nothing.
      spec: required || spec["default"] !== undefined ? spec : { ...spec, default: {} },
      ...(version.status && { status: schemaOf(version.status, `${path}status`) }),
    },
    ...(required && { required: ["spec"] }),
  };
}

function schemaOf(schema: z.ZodType, path: string): Schema {
  const json = z.toJSONSchema(schema, {
    target: "openapi-3.0",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, path: at }) => {
      const { type } = zodSchema._zod.def;
      if (notInJson.has(type)) throw refused(pathOf(path, at), `JSON has no ${type}`);
    },
  });
  const structural = toStructural(json as Schema, path);
  if (structural["type"] !== "object") throw refused(path, "it must be an object");
  return structural;
}

const notInJson = new Set([
  "bigint",
  "custom",
  "date",
  "file",
  "function",
  "map",
  "nan",
  "promise",
  "set",
  "symbol",
  "undefined",
  "void",
]);

/** `["properties", "a", "items"]` below `spec` is `spec.a[]`. */
function pathOf(root: string, at: readonly (string | number)[]): string {
  let path = root;
  for (let i = 0; i < at.length; i++) {
    if (at[i] === "properties") path += `.${at[++i]}`;
    else if (at[i] === "items") path += "[]";
    else if (at[i] === "additionalProperties") path += ".*";
  }
  return path;
}
