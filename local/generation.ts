/**
 * Generations: how Pulumi learns that a part of the substrate needs repair.
 *
 * Each part (the cluster, each service) has a number that changes exactly when an `up` had, or will have, something to
 * do. `probe` tells it before a deployment: the recorded number for a healthy part, another for a broken one. The
 * program puts it into the environment of the part's Command, so a broken part shows as an update in the preview, and
 * `up` records the number that it was given. All well: same number, no change.
 */

/** The Command's environment variable that carries the number to `up`. */
export const generationVariable = "SUBSTRATE_GENERATION";

/** The same for the generation with which the cluster began empty: `up` records what Pulumi knows it by. */
export const createdAsVariable = "SUBSTRATE_CREATED_AS";

/**
 * What `probe` tells.
 * @param recorded undefined when nothing is known of the part
 */
export function probedGeneration(recorded: number | undefined, healthy: boolean, now: number = Date.now()): number {
  if (recorded === undefined) return freshGeneration(now);
  return healthy ? recorded : recorded + 1;
}

/**
 * What `up` records.
 * @param asked the number from the environment; undefined when a person runs the command
 */
export function recordedGeneration(
  recorded: number | undefined,
  { asked, changed, now = Date.now() }: { asked: number | undefined; changed: boolean; now?: number },
): number {
  if (asked !== undefined) return asked;
  if (recorded === undefined) return freshGeneration(now);
  return changed ? recorded + 1 : recorded;
}

/**
 * A number that no earlier run has recorded, so that a state folder which somebody removed shows as a change too:
 * the seconds since 1970, as repairs count up far slower than that.
 */
function freshGeneration(now: number): number {
  return Math.floor(now / 1000);
}

/** The value of {@link generationVariable}; undefined when it is not set or not a number. */
export function parseGeneration(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
