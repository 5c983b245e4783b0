/** The table of conformance scenarios in docs/compatibility.md, from the results of a run. Pure. */
import type { VitestReport } from "./tally.ts";

export interface ScenarioResult {
  /** `C01` to `C58`, `D01`, `D02`. */
  readonly number: string;
  readonly words: string;
  /** `yes`, `no`, or `differs: <why>`. */
  readonly result: string;
}

/** Contract §10. */
const expected = [...numbers("C", 58), ...numbers("D", 2)];

function numbers(letter: string, last: number): string[] {
  return Array.from({ length: last }, (_, index) => letter + String(index + 1).padStart(2, "0"));
}

/** The scenarios among a run's tests, in order; one that has no test or did not run is `no`. */
export function scenariosIn({ testResults }: VitestReport): ScenarioResult[] {
  const found = new Map<string, ScenarioResult>();
  for (const { title, status, meta } of testResults.flatMap(file => file.assertionResults)) {
    const [, number, words] = /^([CD]\d\d) (.*)$/.exec(title) ?? [];
    if (number === undefined || words === undefined) continue;
    const passed = meta?.differs === undefined ? "yes" : `differs: ${meta.differs}`;
    found.set(number, { number, words, result: status === "passed" ? passed : "no" });
  }
  return expected.map(number => found.get(number) ?? { number, words: "not tested", result: "no" });
}

const begin = "<!-- conformance: begin. `npm run test:conformance -- --write` writes this table. -->";
const end = "<!-- conformance: end -->";

/** The page with the table of these results in place of the one between its markers. */
export function withTable(page: string, scenarios: readonly ScenarioResult[]): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no markers ${begin} and ${end}`);
  const rows = scenarios.map(({ number, words, result }) => `| ${number} | ${cell(words)} | ${cell(result)} |`);
  const table = ["| no. | scenario | as in yoke |", "| --- | --- | --- |", ...rows].join("\n");
  return `${page.slice(0, from)}${begin}\n\n${table}\n\n${page.slice(to)}`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
