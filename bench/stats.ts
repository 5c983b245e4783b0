/** Summaries of samples in milliseconds. */

export interface Summary {
  readonly trials: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export function summary(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { trials: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function describe({ trials, p50, p95, p99 }: Summary): string {
  return `p50 ${milliseconds(p50)}, p95 ${milliseconds(p95)}, p99 ${milliseconds(p99)} (${trials} trials)`;
}

/** One line of the report: what was measured, the value, and the bound that it is held against. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly bound?: string;
}

export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, value, bound = "" }) => `| ${what} | ${value} | ${bound} |`);
  return ["| what | measured | bound |", "| --- | --- | --- |", ...lines].join("\n");
}
