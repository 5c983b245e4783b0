/** Runs a project of vitest.config.ts. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTerminal } from "./command.ts";
import { type Tally, tallyOf, type VitestReport } from "./tally.ts";

/** Counts what passed and failed. */
export async function tallyVitest(project: string, filters: readonly string[]): Promise<Tally> {
  const { report, code } = await runVitest(project, filters);
  return tallyOf(report, code);
}

/**
 * `filters` go to vitest as they are: parts of file names, `-t NAME`.
 * @returns what it reports, if it got that far, and its exit code
 */
export async function runVitest(
  project: string,
  filters: readonly string[],
): Promise<{ readonly report: VitestReport | undefined; readonly code: number }> {
  const dir = mkdtempSync(join(tmpdir(), "dynamic-mode-tests-"));
  const file = join(dir, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const code = await onTerminal("vitest", ["run", "--project", project, ...reporters, ...filters]);
    return { report: readReport(file), code };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  } catch {
    return undefined;
  }
}
