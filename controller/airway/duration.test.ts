import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goDuration } from "../flight/duration.ts";
import { parseDuration } from "./duration.ts";

describe("parseDuration", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["500ms", 500],
    ["30ms", 30],
    ["1m30s", 90_000],
    ["1h2m3s4ms", 3_723_004],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1000],
    ["-1s", -1000],
    ["+1s", 1000],
    ["-0s", 0],
    ["5µs", 0.005],
    ["5μs", 0.005],
    ["1ns", 0.000001],
  ])("%s", (text, milliseconds) => {
    expect(parseDuration(text)).toBeCloseTo(milliseconds, 9);
  });

  test.each([
    "",
    " ",
    "10",
    "1 s",
    "1s ",
    "s",
    ".",
    "-",
    "1x",
    "1S",
    "1s-2s",
    "--1s",
    "1e3s",
    "Infinity",
    "300y",
    "999999999h",
  ])("%j is none", text => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test("reads what Go prints", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), milliseconds => {
        // Go prints no sign for zero, and -0 is no duration.
        expect(parseDuration(goDuration(milliseconds))).toBeCloseTo(milliseconds || 0, 3);
      }),
    );
  });

  test("any text gives a finite number or nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9.nuµmsh]{1,12}$/)), text => {
        const milliseconds = parseDuration(text);
        expect(milliseconds === undefined || Number.isFinite(milliseconds)).toBe(true);
      }),
    );
  });
});
