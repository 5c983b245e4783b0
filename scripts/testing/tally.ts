/** Counts of what passed and failed. Pure. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export const sum = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((total, { passed }) => total + passed, 0),
  failed: tallies.reduce((total, { failed }) => total + failed, 0),
});

/** The line that ends every run; a CI reads it. */
export const closingLine = ({ passed, failed }: Tally): string => `${passed} passed, ${failed} failed`;

/** What is read of vitest's JSON report. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly TestReport[] }[];
}

interface TestReport {
  readonly title: string;
  readonly status: string;
  /** What the test was marked with; see test/conformance/support/scenario.ts. */
  readonly meta?: { readonly differs?: string };
}

/**
 * A file that does not load has failed without a test of its own. A run that fails for a reason beside all tests (a
 * broken set-up, an unhandled error, no report, nothing found) counts as one failure.
 */
export function tallyOf(report: VitestReport | undefined, exitCode: number): Tally {
  const passed = report?.numPassedTests ?? 0;
  const broken =
    report?.testResults.filter(file => file.status === "failed" && file.assertionResults.length === 0) ?? [];
  const failed = (report?.numFailedTests ?? 0) + broken.length;
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}
