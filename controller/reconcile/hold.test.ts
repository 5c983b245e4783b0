import { describe, expect, test } from "vitest";
import type { Cause } from "./causes.ts";
import { type HoldInput, holdOf, minRollInterval, minRollIntervalAnnotation } from "./hold.ts";
import { freshPace, type Pace, paceLimits } from "./pace.ts";

const closed = freshPace(paceLimits(20));
const now = Date.parse("2026-01-01T12:00:00.000Z");
const secret: Cause = {
  change: "updated",
  object: { apiVersion: "v1", kind: "Secret", namespace: "default", name: "nginx" },
  resourceVersion: "12",
  at: 0,
};

function hold(given: Partial<HoldInput>) {
  return holdOf({
    ...{
      pace: closed,
      changed: ["lookups"],
      edited: false,
      causes: [secret],
      minRollIntervalMs: 60_000,
      lastRoll: undefined,
      now,
    },
    ...given,
  });
}

describe("the minimum interval between rolls", () => {
  test("holds a changed lookup back, and says what waits and until when", () => {
    expect(hold({ lastRoll: now - 20_000 })).toEqual({
      waitMs: 40_000,
      reason: "MinRollInterval",
      message:
        "Secret default/nginx updated (resourceVersion 12); it rolls at 2026-01-01T12:00:40.000Z, 60 s after the last roll",
    });
  });

  test.each([
    ["there was no roll yet", {}],
    ["the interval is over", { lastRoll: now - 60_000 }],
    ["the owner was edited", { lastRoll: now, changed: ["owner"] }],
    ["a child is damaged, too", { lastRoll: now, changed: ["lookups", "children"] }],
    ["the last roll is of a clock that was ahead", { lastRoll: now + 3_600_000 }],
    ["the record has no time of it", { lastRoll: Number.NaN }],
    ["none is wanted", { lastRoll: now, minRollIntervalMs: 0 }],
  ] satisfies [string, Partial<HoldInput>][])("does not hold when %s", (_, given) => {
    expect(hold(given)).toBeUndefined();
  });

  test("the owner's annotation wins over its Airway", () => {
    const owner = (annotations: Record<string, string>) => ({
      apiVersion: "examples.com/v1",
      kind: "Backend",
      metadata: { name: "nginx", annotations },
    });
    expect(minRollInterval(1_000, owner({}))).toBe(1_000);
    expect(minRollInterval(undefined, owner({}))).toBe(0);
    expect(minRollInterval(1_000, owner({ [minRollIntervalAnnotation]: "1m30s" }))).toBe(90_000);
    expect(() => minRollInterval(1_000, owner({ [minRollIntervalAnnotation]: "soon" }))).toThrow(/min-roll-interval/);
  });
});

describe("a spinning release", () => {
  const open: Pace = { tokens: 0, at: now - 500, pauseMs: 4_000 };

  test("waits for the rest of the pause", () => {
    expect(hold({ pace: open, changed: ["children"] })).toEqual({
      waitMs: 3_500,
      reason: "Spinning",
      message: "Secret default/nginx updated (resourceVersion 12); renders are 4 s apart until that rests",
    });
  });

  test("takes an edit within a second", () => {
    expect(hold({ pace: open, changed: ["owner", "lookups"], edited: true })?.waitMs).toBe(500);
  });
});
