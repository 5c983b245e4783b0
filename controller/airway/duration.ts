/**
 * Go durations, as Airways and Flights write them: `500ms`, `1m30s`, `-1s`.
 * Source: time.ParseDuration of Go's standard library.
 */

const millisecondsOf: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The whole text is a sign and one or more numbers with units. Also the `pattern` of the CRDs' schemas. */
export const durationPattern = "^[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";
const whole = new RegExp(durationPattern);
const parts = /([0-9]*\.?[0-9]*)(ns|us|µs|μs|ms|s|m|h)/g;

/** Go keeps nanoseconds in 64 bits: some 292 years. */
const longest = (2 ** 63 - 1) / 1e6;

/** Milliseconds, possibly fractional or negative; undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!whole.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(parts)) total += Number(number) * (millisecondsOf[unit ?? ""] ?? 0);
  if (total > longest) return undefined;
  return text.startsWith("-") && total !== 0 ? -total : total;
}
