import { describe, expect, it } from "vitest";
import { closingLine, sum, tallyOf, type VitestReport } from "./tally.ts";

const report = (passed: number, failed: number, files: VitestReport["testResults"] = []): VitestReport => ({
  numPassedTests: passed,
  numFailedTests: failed,
  testResults: files,
});

describe("tallyOf", () => {
  it("takes vitest's own counts", () => {
    expect(tallyOf(report(12, 0), 0)).toEqual({ passed: 12, failed: 0 });
    expect(tallyOf(report(12, 3), 1)).toEqual({ passed: 12, failed: 3 });
  });

  it("counts a file that did not load", () => {
    const files = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ title: "one that failed", status: "failed" }] },
      { status: "passed", assertionResults: [] },
    ];
    expect(tallyOf(report(4, 1, files), 1)).toEqual({ passed: 4, failed: 2 });
  });

  it("counts a run that failed beside all tests once", () => {
    expect(tallyOf(report(12, 0), 1)).toEqual({ passed: 12, failed: 1 });
    expect(tallyOf(undefined, 1)).toEqual({ passed: 0, failed: 1 });
  });
});

it("ends with the sum of all parts", () => {
  const parts = [
    { passed: 4, failed: 0 },
    { passed: 250, failed: 2 },
  ];
  expect(closingLine(sum(parts))).toBe("254 passed, 2 failed");
  expect(closingLine(sum([]))).toBe("0 passed, 0 failed");
});
