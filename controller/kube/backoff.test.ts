import fc from "fast-check";
import { expect, test } from "vitest";
import { pauseAfter } from "./backoff.ts";

const backoff = { baseMs: 1_000, maxMs: 15 * 60_000, jitter: 0.1 };

test("doubles from the base up to the bound", () => {
  const pauses = [1, 2, 3, 4, 10, 11].map(failures => pauseAfter(failures, backoff, 0.5));
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 512_000, 900_000]);
});

test("stays finite and within its jitter for any number of failures", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (n, random) => {
      const pause = pauseAfter(n, backoff, random);
      const middle = pauseAfter(n, backoff, 0.5);
      expect(pause).toBeGreaterThanOrEqual(middle * 0.9);
      expect(pause).toBeLessThanOrEqual(Math.min(middle, backoff.maxMs) * 1.1);
    }),
  );
});
