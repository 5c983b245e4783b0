/**
 * What the author of a flight imports.
 *
 * A flight is a program: one custom resource in, the desired Kubernetes objects out (`defineFlight`). A Flight or
 * ClusterFlight runs one that belongs to no kind (`defineProgram`); a kind of several versions has one that goes between
 * them (`defineConverter`). See flights/README.md.
 */
export { type Converted, type Converter, convert, defineConverter, type Spoke } from "./converter.ts";
export { FlightFailure, fail } from "./fail.ts";
export {
  type Condition,
  defineFlight,
  type Flight,
  type FlightDefinition,
  type Instance,
  type OtherVersion,
  type PrinterColumn,
  type RenderRequest,
  type Resources,
  type Stages,
  stages,
  type WithConditions,
} from "./flight.ts";
export { hash } from "./hash.ts";
export type { RestMapping } from "./host.ts";
export * from "./kinds.ts";
export { LookupError, lookup, restMapping } from "./lookup.ts";
export { defineProgram, type Program, type ProgramDefinition, type ProgramRequest } from "./program.ts";
