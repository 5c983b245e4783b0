import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closesAfter, freshPace, type Pace, paceAfterRender, paceAt, paceLimits, waitBefore } from "./pace.ts";

const limits = paceLimits(5);

/** Renders as soon as the pace allows, for whoever wants one at these times; returns when the renders began. */
function drive(wanted: readonly number[], edited = false): { renders: number[]; pace: Pace } {
  let pace = freshPace(limits);
  const renders: number[] = [];
  let pending: number | undefined;
  const until = (time: number) => {
    while (pending !== undefined) {
      const due = pending + waitBefore(paceAt(pace, limits, pending), pending, edited);
      if (due > time) return;
      pace = paceAfterRender(pace, limits, due);
      renders.push(due);
      pending = undefined;
    }
  };
  for (const time of wanted) {
    until(time);
    pending ??= time;
  }
  until(Number.MAX_SAFE_INTEGER);
  return { renders, pace };
}

describe("pace", () => {
  test("a burst renders at once, and one that goes on is slowed down more and more", () => {
    const tenHertz = Array.from({ length: 600 }, (_, at) => at * 100);
    const { renders } = drive(tenHertz);
    expect(renders.slice(0, 6)).toEqual([0, 100, 200, 300, 400, 500]);
    const gaps = renders.slice(6).map((time, at) => time - (renders[at + 5] ?? 0));
    expect(gaps.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(renders.length).toBeLessThan(15);
  });

  test("a clock that is set back delays nothing", () => {
    const open: Pace = { tokens: 0, at: 3_600_000, pauseMs: 4_000 };
    expect(waitBefore(open, 0, false)).toBe(0);
    expect(waitBefore(paceAfterRender(open, limits, 0), 0, false)).toBe(8_000);
  });

  test("one wish every few seconds is never delayed", () => {
    const slow = Array.from({ length: 100 }, (_, at) => at * limits.refillMs);
    expect(drive(slow).renders).toEqual(slow);
  });

  test("the breaker closes by itself after two quiet pauses", () => {
    const { pace } = drive(Array.from({ length: 8 }, (_, at) => at));
    expect(pace.pauseMs).toBeGreaterThan(0);
    const left = closesAfter(pace, pace.at) ?? 0;
    expect(left).toBe(2 * pace.pauseMs);
    expect(paceAt(pace, limits, pace.at + left - 1).pauseMs).toBe(pace.pauseMs);
    expect(closesAfter(paceAt(pace, limits, pace.at + left), pace.at + left)).toBeUndefined();
  });

  test("an edit waits a second at most", () => {
    const wanted = Array.from({ length: 300 }, (_, at) => at * 100);
    const { renders } = drive(wanted, true);
    const longest = Math.max(...renders.slice(1).map((time, at) => time - (renders[at] ?? 0)));
    expect(longest).toBe(1_000);
  });

  test("whatever is wanted when: the last wish is rendered, soon enough, and renders are bounded", () => {
    const wishes = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(wishes, gaps => {
        let now = 0;
        const wanted = gaps.map(gap => {
          now += gap;
          return now;
        });
        const { renders } = drive(wanted);
        const last = wanted.at(-1) ?? 0;
        const final = renders.at(-1) ?? -1;
        expect(final).toBeGreaterThanOrEqual(last);
        expect(final - last).toBeLessThanOrEqual(limits.longestPauseMs);
        const span = final - (renders[0] ?? 0);
        expect(renders.length).toBeLessThanOrEqual(limits.burst + 2 + span / limits.firstPauseMs);
      }),
      { numRuns: 300 },
    );
  });
});
