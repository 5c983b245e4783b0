import { describe, expect, test } from "vitest";
import { parseYaml } from "./yaml.ts";

function scalar(text: string): unknown {
  return (parseYaml(`v: ${text}`)[0] as { v: unknown }).v;
}

/** As printed by sigs.k8s.io/yaml v1.4.0, which kubectl and the API server use. */
describe("scalars are read as Kubernetes reads them", () => {
  test.each<[string, unknown]>([
    ["0644", 420],
    ["0o644", 420],
    ["0x1F", 31],
    ["0b11", 3],
    ["089", 89],
    ["1_000", 1000],
    ["+1", 1],
    ["1.", 1],
    [".5", 0.5],
    ["1.10", 1.1],
    ["1e3", 1000],
    ["1.5e+3", 1500],
    ["e3", "e3"],
    [".", "."],
    ["1e", "1e"],
    ["0xg", "0xg"],
    ["_1", "_1"],
    ["512Mi", "512Mi"],
    ["1.2.3", "1.2.3"],
    ["on", true],
    ["No", false],
    ["y", true],
    ["tRue", "tRue"],
    ["~", null],
    ["Null", null],
    ["", null],
    ["'on'", "on"],
    ['"1"', "1"],
    ["2001-01-01", "2001-01-01"],
    ["2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"],
    ["12:30:45", "12:30:45"],
    ["22:22", "22:22"],
    ["=", "="],
    ["!!str 1", "1"],
  ])("%s", (text, value) => {
    expect(scalar(text)).toEqual(value);
  });

  test("and so are keys", () => {
    expect(parseYaml("{on: 1, 1: 2, 0644: 3, e3: 4, 2001-01-01: 5}")).toEqual([
      { true: 1, 1: 2, 420: 3, e3: 4, "2001-01-01": 5 },
    ]);
  });
});

describe("documents", () => {
  test("of comments only are none, and a written null is one", () => {
    expect(parseYaml("# nothing\n---\na: 1\n---\n---\n# nothing\n---\nnull\n---\n")).toEqual([{ a: 1 }, null]);
  });

  test("share what an anchor names", () => {
    expect(parseYaml("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n")).toEqual([
      { a: { b: 1 }, c: { b: 1 }, d: { b: 1, e: 2 } },
    ]);
  });

  test.each(["a: b: c", "a: [1", "a: 1\na: 2", "*x", "a: !!binary [1"])("that are broken are an error: %s", text => {
    expect(() => parseYaml(text)).toThrow();
  });
});
