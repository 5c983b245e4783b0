import { describe, expect, it } from "vitest";
import { scenariosIn, withTable } from "./conformanceTable.ts";
import type { VitestReport } from "./tally.ts";

type Assertion = VitestReport["testResults"][number]["assertionResults"][number];

const report = (...assertionResults: Assertion[]): VitestReport => ({
  numPassedTests: 0,
  numFailedTests: 0,
  testResults: [{ status: "passed", assertionResults }],
});

const page = `# Page

before

<!-- conformance: begin. \`npm run test:conformance -- --write\` writes this table. -->
old
<!-- conformance: end -->

after
`;

describe("scenariosIn", () => {
  const results = scenariosIn(
    report(
      { title: "D02 the last", status: "passed", meta: {} },
      { title: "C02 fails", status: "failed", meta: { differs: "never seen" } },
      { title: "C01 differs here", status: "passed", meta: { differs: "it is better" } },
      { title: "something else", status: "passed" },
    ),
  );

  it("says of each scenario whether it passed, and why it differs", () => {
    expect(results.slice(0, 2)).toEqual([
      { number: "C01", words: "differs here", result: "differs: it is better" },
      { number: "C02", words: "fails", result: "no" },
    ]);
    expect(results.at(-1)).toEqual({ number: "D02", words: "the last", result: "yes" });
  });

  it("misses none", () => {
    expect(results).toHaveLength(60);
    expect(results[2]).toEqual({ number: "C03", words: "not tested", result: "no" });
  });
});

describe("withTable", () => {
  const rows = [{ number: "C01", words: "one | two", result: "yes" }];

  it("exchanges what is between the markers, and only that", () => {
    const written = withTable(page, rows);
    expect(written).toContain("| C01 | one \\| two | yes |");
    expect(written).not.toContain("old");
    expect(written.startsWith("# Page\n\nbefore\n")).toBe(true);
    expect(written.endsWith("<!-- conformance: end -->\n\nafter\n")).toBe(true);
    expect(withTable(written, rows)).toBe(written);
  });

  it("refuses a page that has no place for it", () => {
    expect(() => withTable("# Page\n", rows)).toThrow("markers");
  });
});
