import { expect, test } from "vitest";
import { goDuration } from "./duration.ts";

test.each([
  [0, "0s"],
  [0.5, "500µs"],
  [30, "30ms"],
  [999, "999ms"],
  [1000, "1s"],
  [1500, "1.5s"],
  [90_000, "1m30s"],
  [60_000, "1m0s"],
  [3_600_000, "1h0m0s"],
  [5_415_250, "1h30m15.25s"],
  [-30, "-30ms"],
])("%d ms is %s", (milliseconds, text) => {
  expect(goDuration(milliseconds)).toBe(text);
});
