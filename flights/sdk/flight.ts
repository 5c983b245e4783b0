import type * as z from "zod";
import type { Resource, Scope } from "./kinds.ts";

/** The custom resource as the API server has it. */
export interface Instance extends Resource {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown" | (string & {});
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. A flight has no clock: keep what the instance's status has, or leave it to the controller. */
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

/** With a condition `Ready` the flight decides on readiness; without, the controller does. */
export type WithConditions<Status> = Status & { readonly conditions?: readonly Condition[] };

/** What a render may depend on, besides lookups. */
export interface RenderRequest<Spec, Status = unknown> {
  readonly name: string;
  /** Of the instance; of a cluster-scoped one, its release's: `default`. */
  readonly namespace: string;
  /** Validated, with defaults. */
  readonly spec: Spec;
  /** The whole custom resource. */
  readonly instance: Instance;
  /** Name of the release. */
  readonly release: string;
  readonly env: Readonly<Record<string, string>>;
  /** The instance itself, to return among the resources: it gets this status, with the controller's conditions. */
  withStatus(status: WithConditions<Status>): Resource;
}

/** Objects that are applied together; what is undefined or false is left out. */
export type Resources = readonly (Resource | undefined | false)[];

/** Objects in order: each stage is applied when the one before it is ready. */
export interface Stages {
  readonly stages: readonly Resources[];
}

export function stages(...stages: readonly Resources[]): Stages {
  return { stages };
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "integer" | "number" | "string" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description?: string;
  /** Above 0: with `-o wide` only. */
  readonly priority?: number;
}

/** Another version of the kind than the one that the flight sees; a converter (see `defineConverter`) goes between. */
export interface OtherVersion {
  readonly spec: z.ZodType;
  readonly status?: z.ZodType;
  /** Default true. */
  readonly served?: boolean;
}

/** The status of a flight that declares none. */
type NoStatus = z.ZodType<unknown, Record<never, never>>;

export interface FlightDefinition<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType> {
  readonly group: string;
  /** Default `v1`. */
  readonly version?: string;
  readonly kind: string;
  /** Default: the kind in lower case and an `s`. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  /** Default `Namespaced`. */
  readonly scope?: Scope;
  readonly description?: string;
  /** A zod object: the CRD's schema, and what each render's spec is checked against. */
  readonly spec: Spec;
  /** A zod object; without it, the status has conditions only. */
  readonly status?: Status;
  readonly printerColumns?: readonly PrinterColumn[];
  /** By name. */
  readonly otherVersions?: Readonly<Record<string, OtherVersion>>;
  /** The desired objects of one custom resource. Same inputs, same output: there is no clock and no randomness. */
  render(request: RenderRequest<z.output<Spec>, z.input<Status>>): Resources | Stages;
}

/** A definition with its names settled. */
export interface Flight<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType>
  extends FlightDefinition<Spec, Status> {
  readonly type: "flight";
  readonly version: string;
  readonly plural: string;
  readonly scope: Scope;
}

export function defineFlight<Spec extends z.ZodType, Status extends z.ZodType = NoStatus>(
  definition: FlightDefinition<Spec, Status>,
): Flight<Spec, Status> {
  const plural = `${definition.kind.toLowerCase()}s`;
  return { version: "v1", plural, scope: "Namespaced", ...definition, type: "flight" };
}
