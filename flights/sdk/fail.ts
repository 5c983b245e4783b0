import type { Resource } from "./kinds.ts";

/** See `fail`. */
export class FlightFailure extends Error {
  readonly output: readonly Resource[];

  constructor(message: string, output: readonly Resource[]) {
    super(message);
    this.name = "FlightFailure";
    this.output = output;
  }
}

/**
 * Ends the render with a message for whoever reads the instance's Ready condition. Nothing is applied and nothing removed;
 * the status of the instance is written if one is given.
 *
 * @param instance what `withStatus` made
 */
export function fail(message: string, instance?: Resource): never {
  throw new FlightFailure(message, instance ? [instance] : []);
}
