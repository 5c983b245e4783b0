import { errors } from "./errors.ts";

/**
 * The value of an option that counts something.
 *
 * @throws SCRIPT_ARGUMENTS
 */
export function wholeNumber(option: string, text: string, least = 1): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw errors.SCRIPT_ARGUMENTS({ problem: `--${option} is "${text}", which is no whole number from ${least} on` });
}
