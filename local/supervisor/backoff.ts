/** How long to wait before a crashed service is started again. */

const firstMs = 250;
const longestMs = 10_000;
/** A service that ran this long has recovered: its next crash counts as the first. */
export const recoveredAfterMs = 20_000;

/** @param crashes in a row, at least 1 */
export function backoffMs(crashes: number): number {
  return Math.min(firstMs * 2 ** (crashes - 1), longestMs);
}

/** The number of crashes in a row after one more, given how long the service ran before it. */
export function countCrash(crashes: number, uptimeMs: number): number {
  return uptimeMs >= recoveredAfterMs ? 1 : crashes + 1;
}
