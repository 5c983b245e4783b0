/** Runs the conformance scenarios, and holds the table in docs/compatibility.md to their results. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../paths.ts";
import { scenariosIn, withTable } from "./conformanceTable.ts";
import { sum, type Tally, tallyOf } from "./tally.ts";
import { runVitest } from "./vitest.ts";

const page = join(root, "docs/compatibility.md");

/** With `--write` the table is written instead of checked. A run of some scenarios only does neither. */
export async function runConformance(args: readonly string[]): Promise<Tally> {
  const filters = args.filter(arg => arg !== "--write");
  const { report, code } = await runVitest("conformance", filters);
  const tally = tallyOf(report, code);
  if (report === undefined || filters.length > 0) return tally;
  const current = readFileSync(page, "utf8");
  const wanted = withTable(current, scenariosIn(report));
  if (args.includes("--write")) writeFileSync(page, wanted);
  const isCurrent = current === wanted || args.includes("--write");
  console.log(
    isCurrent
      ? "  ok      table in docs/compatibility.md"
      : "  FAILED  the table in docs/compatibility.md is not what the scenarios say\n  Run `npm run test:conformance -- --write`.",
  );
  return sum([tally, { passed: isCurrent ? 1 : 0, failed: isCurrent ? 0 : 1 }]);
}
