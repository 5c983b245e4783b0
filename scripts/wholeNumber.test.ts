import { expect, test } from "vitest";
import { wholeNumber } from "./wholeNumber.ts";

test("a count is a whole number", () => {
  expect(wholeNumber("trials", "250")).toBe(250);
  expect(wholeNumber("seed", "0", 0)).toBe(0);
});

test.each(["", "x", "0", "-1", "1.5", "1e3", "Infinity", "9".repeat(16)])(
  "%j is none, and says of which option",
  text => {
    expect(() => wholeNumber("trials", text)).toThrow(`--trials is "${text}"`);
  },
);
