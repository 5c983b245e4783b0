/**
 * What the author of a flight imports.
 *
 * A flight is a program: one custom resource in, the desired Kubernetes objects out. See `flights/backend/flight.ts`.
 */
export {
  defineFlight,
  type Flight,
  type FlightDefinition,
  type Instance,
  type PrinterColumn,
  type RenderRequest,
  type Resources,
  type Stages,
  stages,
} from "./flight.ts";
export { hash } from "./hash.ts";
export * from "./kinds.ts";
export { LookupError, lookup } from "./lookup.ts";
