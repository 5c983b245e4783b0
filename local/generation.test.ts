import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseGeneration, probedGeneration, recordedGeneration } from "./generation.ts";

const generation = fc.integer({ min: 1, max: 2_000_000_000 });

describe("generations", () => {
  it("stay the same as long as the part is healthy and up has nothing to do", () => {
    fc.assert(
      fc.property(generation, recorded => {
        const asked = probedGeneration(recorded, true);
        expect(asked).toBe(recorded);
        expect(recordedGeneration(recorded, { asked, changed: false })).toBe(recorded);
      }),
    );
  });

  it("change when the part is broken, once: the up that repairs it records what the probe told", () => {
    fc.assert(
      fc.property(generation, fc.boolean(), (recorded, changed) => {
        const asked = probedGeneration(recorded, false);
        expect(asked).not.toBe(recorded);
        const after = recordedGeneration(recorded, { asked, changed });
        expect(probedGeneration(after, true)).toBe(asked);
      }),
    );
  });

  it("change when everything known was lost, though the program still holds the old number", () => {
    const now = Date.UTC(2026, 10, 23);
    const old = recordedGeneration(undefined, { asked: undefined, changed: true, now });
    const repaired = probedGeneration(old, false);
    expect([old, repaired]).not.toContain(probedGeneration(undefined, false, now + 60_000));
  });

  it("count up without a program too, when something was repaired", () => {
    expect(recordedGeneration(7, { asked: undefined, changed: true })).toBe(8);
    expect(recordedGeneration(7, { asked: undefined, changed: false })).toBe(7);
  });

  it("are read from the environment", () => {
    expect(parseGeneration("17")).toBe(17);
    expect([undefined, "", "x", "-1", "1e3", "99999999999999999999"].map(parseGeneration)).toEqual(
      Array(6).fill(undefined),
    );
  });
});
