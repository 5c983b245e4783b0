import { describe, expect, test } from "vitest";
import { changedParts } from "./inputs.ts";

describe("the parts of the inputs", () => {
  test("an unequal digest says what changed", () => {
    expect(changedParts("a.b.c", "a.b.c")).toEqual([]);
    expect(changedParts("a.b.c", "a.x.c")).toEqual(["lookups"]);
    expect(changedParts("a.b.c", "y.b.x")).toEqual(["owner", "children"]);
  });

  test("against an unknown one everything changed", () => {
    expect(changedParts("", "a.b.c")).toEqual(["owner", "lookups", "children"]);
  });
});
