import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unifiedDiff } from "./unified.ts";

/** What a patch of these hunks makes of a text. */
function patched(before: string, hunks: string): string {
  const old = before === "" ? [] : before.split("\n");
  const made: string[] = [];
  let at = 0;
  for (const line of hunks.split("\n")) {
    const [, start, length] = /^@@ -(\d+),(\d+) /.exec(line) ?? [];
    if (start !== undefined) {
      const from = length === "0" ? Number(start) : Number(start) - 1;
      made.push(...old.slice(at, from));
      at = from;
    } else if (line.startsWith("+")) made.push(line.slice(1));
    else {
      expect(old[at]).toBe(line.slice(1));
      if (line.startsWith(" ")) made.push(line.slice(1));
      at++;
    }
  }
  return [...made, ...old.slice(at)].join("\n");
}

const texts = fc.array(fc.constantFrom("a", "b", "c", "d: 1"), { maxLength: 30 }).map(lines => lines.join("\n"));

describe("a unified diff", () => {
  it("turns one text into the other, and is empty for equal ones", () => {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const hunks = unifiedDiff(before, after);
        if (before === after) expect(hunks).toBe("");
        else expect(patched(before, hunks)).toBe(after);
      }),
    );
  });

  it("shows three lines around a change, the old line first", () => {
    const lines = Array.from({ length: 20 }, (_, at) => `line ${at + 1}`);
    const after = lines.with(9, "other").join("\n");
    expect(unifiedDiff(lines.join("\n"), after)).toBe(
      [
        "@@ -7,7 +7,7 @@",
        ...[" line 7", " line 8", " line 9", "-line 10", "+other", " line 11", " line 12", " line 13"],
      ].join("\n"),
    );
  });
});
