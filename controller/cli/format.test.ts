import { expect, it } from "vitest";
import { printed } from "./answer.ts";
import { moment, printable, table } from "./format.ts";

const now = Date.parse("2026-11-23T06:00:00Z");

it.each([
  ["2026-11-23T05:59:57.123456789Z", "2026-11-23 05:59:57Z (3 s ago)"],
  ["2026-11-23T06:00:05Z", "2026-11-23 06:00:05Z (0 s ago)"],
  ["2026-11-23T05:30:00Z", "2026-11-23 05:30:00Z (30 min ago)"],
  ["2026-11-22T12:00:00Z", "2026-11-22 12:00:00Z (18 h ago)"],
  ["2026-11-03T06:00:00Z", "2026-11-03 06:00:00Z (20 days ago)"],
  ["never", ""],
])("%s reads %j", (time, text) => expect(moment(time, now)).toBe(text));

it("keeps what others wrote from giving a terminal orders", () => {
  expect(printable("a\tb\n\u001b[2Jc\u009b1m → d")).toBe("a\tb\n�[2Jc�1m → d");
});

it("puts cells under their titles", () => {
  expect(
    table(
      ["A", "LONGER", "C"],
      [
        ["long cell", "x", "y"],
        ["z", "", ""],
      ],
    )
      .split("\n")
      .slice(1),
  ).toEqual(["long cell  x       y", "z"]);
});

it("prints for machines what kubectl reads as it was", () => {
  const answer = { data: { on: "yes", mode: "0644" }, text: "for people" };
  expect(printed(answer, "yaml")).toBe('"on": "yes"\nmode: "0644"\n');
  expect(JSON.parse(printed(answer, "json"))).toEqual(answer.data);
  expect(printed(answer, undefined)).toBe("for people\n");
});
