import fc from "fast-check";
import { expect, it } from "vitest";
import { backoffMs, countCrash, recoveredAfterMs } from "./backoff.ts";

it("waits longer after each crash, up to a limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), crashes => {
      expect(backoffMs(crashes + 1)).toBeGreaterThanOrEqual(backoffMs(crashes));
      expect(backoffMs(crashes)).toBeLessThanOrEqual(10_000);
    }),
  );
  expect([1, 2, 3].map(backoffMs)).toEqual([250, 500, 1_000]);
});

it("forgives a service that has run for a while", () => {
  expect(countCrash(7, recoveredAfterMs)).toBe(1);
  expect(countCrash(7, recoveredAfterMs - 1)).toBe(8);
});
