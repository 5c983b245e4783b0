import { SourceMap as NodeSourceMap } from "node:module";
import { encode } from "@jridgewell/sourcemap-codec";
import { expect, test } from "vitest";
import { ownLines } from "./sourceMap.ts";

const map = {
  version: 3,
  sources: ["node_modules/zod/index.js", "flight.ts"],
  names: [],
  mappings: encode([
    [
      [0, 0, 10, 0],
      [20, 1, 4, 0],
      [25, 1, 4, 7],
      [30, 1, 5, 2],
      [40, 0, 11, 0],
      [50, 0, 12, 0],
    ],
  ]),
} as const;

test("own lines are found again, and what is not own has no place", () => {
  const own = ownLines(map, source => source === "flight.ts");
  expect(own.sources).toEqual(["flight.ts"]);
  const found = new NodeSourceMap({ ...own, file: "", sourceRoot: "", sourcesContent: [] } as never);
  const at = (column: number) => {
    const entry = found.findEntry(0, column);
    return "originalLine" in entry ? entry.originalLine : undefined;
  };
  expect([0, 20, 27, 35, 45, 55].map(at)).toEqual([undefined, 4, 4, 5, undefined, undefined]);
});
