/** An Airway as the controller uses it: every field checked, every default applied (contract §1.1). */
import { z } from "zod";
import type { KubeObject } from "../kube/object.ts";
import { parseDuration } from "./duration.ts";
import { errors } from "./errors.ts";
import { type Matcher, parseMatcher } from "./matcher.ts";
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

export interface AirwaySpec {
  flightUrl: string;
  /** sha256 hex of the uncompressed module. */
  flightChecksum?: string;
  /** The program that converts instances between versions. */
  converter?: { readonly url: string; readonly checksum?: string };
  /** Plain HTTP or unverified TLS towards an OCI registry. */
  insecure: boolean;
  mode: Mode;
  clusterAccess: boolean;
  resourceAccessMatchers: Matcher[];
  /** Path inside the instance whose value becomes the flight's input; empty is the whole instance. */
  objectPath: string[];
  /** Absent: no re-run. */
  fixDriftIntervalMs?: number;
  /** Absent: none. */
  minRollIntervalMs?: number;
  /** undefined: no limit. */
  timeoutMs: number | undefined;
  maxMemoryMib: number;
  /** Revisions kept per release; Infinity is unlimited. */
  historyCapSize: number;
  skipAdmissionWebhook: boolean;
  prune: { crds: boolean; namespaces: boolean };
  template: CrdTemplate;
  storageVersion: string;
  /** `<group>/<storage version>`: what flights see and what the controller writes. */
  apiVersion: string;
  group: string;
  kind: string;
  plural: string;
  scope: "Namespaced" | "Cluster";
}

const defaultTimeoutMs = 10_000;
/** 65536 wasm pages of 64 KiB: all that 32 bits can address. */
const largestMemoryMib = 4096;
const defaultHistoryCap = 2;

const text = z.string().min(1, "must not be empty");
const flag = z.boolean().default(false);

const shape = z.looseObject({
  wasmUrls: z.looseObject({
    flight: text,
    flightChecksum: z.string().optional(),
    converter: z.string().optional(),
    converterChecksum: z.string().optional(),
  }),
  objectPath: z.array(z.string()).default([]),
  fixDriftInterval: z.string().optional(),
  minRollInterval: z.string().optional(),
  clusterAccess: flag,
  resourceAccessMatchers: z.array(z.string()).default([]),
  insecure: flag,
  skipAdmissionWebhook: flag,
  mode: z.string().default("standard"),
  historyCapSize: z.int().default(0),
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
  prune: z.looseObject({ crds: flag, namespaces: flag }).prefault({}),
  maxMemoryMib: z.int().min(0).default(0),
  timeout: z.string().optional(),
});

/**
 * @throws AIRWAY_FIELD_INVALID, AIRWAY_DURATION_INVALID, AIRWAY_MODE_UNKNOWN, AIRWAY_NAME_MISMATCH, AIRWAY_STORAGE_VERSION, AIRWAY_SCHEMA_INVALID; each names the field.
 */
export function parseAirway(object: KubeObject): AirwaySpec {
  const airway = object.metadata.name;
  const parsed = shape.safeParse(object["spec"]);
  if (!parsed.success) throw fieldError(airway, parsed.error);
  const spec = parsed.data;
  const template = spec.template as CrdTemplate;
  const driftMs = duration(airway, "spec.fixDriftInterval", spec.fixDriftInterval);
  const rollMs = duration(airway, "spec.minRollInterval", spec.minRollInterval);
  const storageVersion = checkedTemplate(airway, template);
  return {
    flightUrl: spec.wasmUrls.flight,
    ...(spec.wasmUrls.flightChecksum ? { flightChecksum: spec.wasmUrls.flightChecksum } : {}),
    ...converterOf(spec.wasmUrls),
    insecure: spec.insecure,
    mode: checkedMode(airway, spec.mode),
    clusterAccess: spec.clusterAccess,
    resourceAccessMatchers: spec.resourceAccessMatchers.map(parseMatcher),
    objectPath: spec.objectPath,
    ...(driftMs > 0 ? { fixDriftIntervalMs: driftMs } : {}),
    ...(rollMs > 0 ? { minRollIntervalMs: rollMs } : {}),
    timeoutMs: timeout(duration(airway, "spec.timeout", spec.timeout)),
    maxMemoryMib: spec.maxMemoryMib === 0 ? largestMemoryMib : Math.min(spec.maxMemoryMib, largestMemoryMib),
    historyCapSize: historyCap(spec.historyCapSize),
    skipAdmissionWebhook: spec.skipAdmissionWebhook,
    prune: { crds: spec.prune.crds, namespaces: spec.prune.namespaces },
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

function fieldError(airway: string, error: z.ZodError): Error {
  const issue = error.issues[0];
  const path = (issue?.path ?? []).map(step => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return errors.AIRWAY_FIELD_INVALID({ airway, path: `spec${path}`, problem: issue?.message ?? "is not valid" });
}

function duration(airway: string, path: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw errors.AIRWAY_DURATION_INVALID({ airway, path, text });
  return milliseconds;
}

function checkedMode(airway: string, text: string): Mode {
  const mode = modes.find(candidate => candidate === text);
  if (mode === undefined) throw errors.AIRWAY_MODE_UNKNOWN({ airway, mode: text });
  return mode;
}

function timeout(milliseconds: number): number | undefined {
  if (milliseconds < 0) return undefined;
  return milliseconds === 0 ? defaultTimeoutMs : milliseconds;
}

function historyCap(size: number): number {
  if (size < 0) return Number.POSITIVE_INFINITY;
  return size === 0 ? defaultHistoryCap : size;
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
