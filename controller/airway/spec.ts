/** An Airway as the controller uses it: every field checked, every default applied (contract §1.1). */
import { z } from "zod";
import type { KubeObject } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { checkAccount, type Execution, executionOf, executionShape, parseSpec, text } from "./execution.ts";
import { schemaProblems } from "./schema.ts";

export const modes = ["standard", "static", "dynamic", "subscription"] as const;
export type Mode = (typeof modes)[number];

export interface CrdVersion {
  name: string;
  served: boolean;
  storage: boolean;
  schema?: { openAPIV3Schema?: Record<string, unknown> };
  subresources?: Record<string, unknown>;
  additionalPrinterColumns?: unknown[];
  [field: string]: unknown;
}

/** A CustomResourceDefinitionSpec; fields not named here are passed on as they are. */
export interface CrdTemplate {
  group: string;
  names: { kind: string; plural: string; [field: string]: unknown };
  scope: "Namespaced" | "Cluster";
  versions: CrdVersion[];
  [field: string]: unknown;
}

export interface AirwaySpec extends Execution {
  flightUrl: string;
  /** sha256 hex of the uncompressed module. */
  flightChecksum?: string;
  /** The program that converts instances between versions. */
  converter?: { readonly url: string; readonly checksum?: string };
  mode: Mode;
  /** Path inside the instance whose value becomes the flight's input; empty is the whole instance. */
  objectPath: string[];
  template: CrdTemplate;
  storageVersion: string;
  /** `<group>/<storage version>`: what flights see and what the controller writes. */
  apiVersion: string;
  group: string;
  kind: string;
  plural: string;
  scope: "Namespaced" | "Cluster";
}

const shape = executionShape.extend({
  wasmUrls: z.looseObject({
    flight: text,
    flightChecksum: z.string().optional(),
    converter: z.string().optional(),
    converterChecksum: z.string().optional(),
  }),
  objectPath: z.array(z.string()).default([]),
  mode: z.string().default("standard"),
  template: z.looseObject({
    group: text,
    names: z.looseObject({ kind: text, plural: text }),
    scope: z.enum(["Namespaced", "Cluster"]),
    versions: z
      .array(
        z.looseObject({
          name: text,
          served: z.boolean(),
          storage: z.boolean(),
          schema: z.looseObject({ openAPIV3Schema: z.looseObject({}).optional() }).optional(),
          subresources: z.looseObject({}).optional(),
          additionalPrinterColumns: z.array(z.unknown()).optional(),
        }),
      )
      .min(1, "at least one version is needed"),
  }),
});

/**
 * @throws AIRWAY_FIELD_INVALID, AIRWAY_DURATION_INVALID, AIRWAY_MODE_UNKNOWN, AIRWAY_NAME_MISMATCH,
 * AIRWAY_STORAGE_VERSION, AIRWAY_SCHEMA_INVALID; each names the field.
 */
export function parseAirway(object: KubeObject): AirwaySpec {
  const airway = object.metadata.name;
  const of = `Airway ${airway}`;
  const spec = parseSpec(of, shape, object["spec"]);
  const template = spec.template as CrdTemplate;
  if (!isMode(spec.mode)) throw errors.AIRWAY_MODE_UNKNOWN({ airway, mode: spec.mode });
  const storageVersion = checkedTemplate(airway, template);
  checkAccount(of, spec.serviceAccountName, template.scope === "Cluster" ? "with" : "either");
  return {
    ...executionOf(of, spec),
    flightUrl: spec.wasmUrls.flight,
    ...(spec.wasmUrls.flightChecksum ? { flightChecksum: spec.wasmUrls.flightChecksum } : {}),
    ...converterOf(spec.wasmUrls),
    mode: spec.mode,
    objectPath: spec.objectPath,
    template,
    storageVersion,
    apiVersion: `${template.group}/${storageVersion}`,
    group: template.group,
    kind: template.names.kind,
    plural: template.names.plural,
    scope: template.scope,
  };
}

function converterOf(urls: z.infer<typeof shape>["wasmUrls"]): Pick<AirwaySpec, "converter"> {
  const { converter: url, converterChecksum: checksum } = urls;
  return url ? { converter: { url, ...(checksum ? { checksum } : {}) } } : {};
}

export function isMode(text: string | undefined): text is Mode {
  return text !== undefined && (modes as readonly string[]).includes(text);
}

/** Returns the storage version. */
function checkedTemplate(airway: string, template: CrdTemplate): string {
  const expected = `${template.names.plural}.${template.group}`;
  if (airway !== expected) throw errors.AIRWAY_NAME_MISMATCH({ airway, expected });
  const storage = template.versions.filter(version => version.storage);
  const only = storage[0];
  if (only === undefined || storage.length > 1) throw errors.AIRWAY_STORAGE_VERSION({ airway, found: storage.length });
  const problems = template.versions.flatMap(version =>
    schemaProblems(
      version.schema?.openAPIV3Schema ?? { type: "object" },
      `spec.template.versions[${version.name}].schema.openAPIV3Schema`,
    ),
  );
  if (problems.length > 0) throw errors.AIRWAY_SCHEMA_INVALID({ airway, problems: bounded(problems) });
  return only.name;
}

function bounded(problems: string[]): string[] {
  const shown = 5;
  if (problems.length <= shown) return problems;
  return [...problems.slice(0, shown), `and ${problems.length - shown} more`];
}
