import type * as z from "zod";
import type { Resources, Stages } from "./flight.ts";

/** What the render of a Flight or ClusterFlight may depend on, besides lookups. */
export interface ProgramRequest<Input> {
  /** `spec.inputObject`, validated; without a schema `spec.input`, or the JSON of `spec.inputObject`, as text. */
  readonly input: Input;
  /** Name of the release: the Flight's. */
  readonly release: string;
  /** Of the Flight; of a ClusterFlight `default`. */
  readonly namespace: string;
  /** `spec.args`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface ProgramDefinition<Input extends z.ZodType = z.ZodType> {
  /** What the input has to be, as JSON; no input at all is taken for `{}`. */
  readonly input?: Input;
  render(request: ProgramRequest<z.output<Input>>): Resources | Stages;
}

/** What a Flight or ClusterFlight runs: it belongs to no kind of its own. */
export interface Program<Input extends z.ZodType = z.ZodType> extends ProgramDefinition<Input> {
  readonly type: "program";
}

export function defineProgram<Input extends z.ZodType = z.ZodType<string>>(
  definition: ProgramDefinition<Input>,
): Program<Input> {
  return { ...definition, type: "program" };
}
