import type * as z from "zod";
import type { Resource, Scope } from "./kinds.ts";

/** The custom resource as the API server has it. */
export interface Instance extends Resource {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** What a render may depend on, besides lookups. */
export interface RenderRequest<Spec> {
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

export interface FlightDefinition<Spec extends z.ZodType = z.ZodType> {
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
  readonly status?: z.ZodType;
  readonly printerColumns?: readonly PrinterColumn[];
  /** The desired objects of one custom resource. Same inputs, same output: there is no clock and no randomness. */
  render(request: RenderRequest<z.output<Spec>>): Resources | Stages;
}

/** A definition with its names settled. */
export interface Flight<Spec extends z.ZodType = z.ZodType> extends FlightDefinition<Spec> {
  readonly version: string;
  readonly plural: string;
  readonly scope: Scope;
}

export function defineFlight<Spec extends z.ZodType>(definition: FlightDefinition<Spec>): Flight<Spec> {
  return { version: "v1", plural: `${definition.kind.toLowerCase()}s`, scope: "Namespaced", ...definition };
}
