/**
 * Writes docs/errors.md from the rooms' tables of errors, and docs/metrics.md from the controller's metrics; with
 * `--check` says whether they are what those say. Each error's message is shown with the names of its facts in place of
 * their values.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createMetrics, type MetricDescription } from "../controller/observe/metrics.ts";

const root = resolve(import.meta.dirname, "..");

const errorsHead = `# Errors

Every error that a person can act on has a code. This page is made from the tables in the code by \`node docs/generate.ts\`;
\`npm test\` checks that it is up to date. What stands in <angle brackets> is filled in when the error happens.
`;

type Row = (facts: unknown) => { code?: string; message: string; todo: string };

/** Stands for any fact: reads as its name wherever a message puts it. */
function placeholder(name: string): unknown {
  const text = `<${name}>`;
  return new Proxy(() => text, {
    get(_, key) {
      if (key === Symbol.toPrimitive || key === "toString" || key === "valueOf") return () => text;
      if (key === Symbol.iterator) return [placeholder(name)][Symbol.iterator].bind([placeholder(name)]);
      if (key === "length") return 1;
      return () => placeholder(name);
    },
  });
}

const facts = new Proxy({}, { get: (_, name) => (typeof name === "string" ? placeholder(name) : undefined) });

async function sections(): Promise<string[]> {
  const files = globSync("{controller,flights,infra,lib,local,scripts}/**/errors.{ts,mjs}", { cwd: root }).sort();
  const made: string[] = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(resolve(root, file)).href)) as Record<string, unknown>;
    const tables = Object.values(module).filter(value => value !== null && typeof value === "object");
    const entries = tables.flatMap(table => Object.entries(table as Record<string, unknown>)).filter(isRow);
    if (entries.length === 0) continue;
    made.push(`\n## ${relative(root, resolve(root, file, ".."))}/\n${entries.map(entry).join("")}`);
  }
  return made;
}

function isRow(pair: [string, unknown]): pair is [string, Row] {
  return /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(pair[0]) && typeof pair[1] === "function";
}

function entry([code, build]: [string, Row]): string {
  const { message, todo } = build(facts);
  return `\n### ${code}\n\n> ${message
    .trim()
    .replaceAll("\n", "\n> ")
    .replaceAll(/[ \t]+$/gm, "")}\n\n${todo}\n`;
}

const metricsHead = `# Metrics

What the controller serves at \`/metrics\`, for Prometheus; durations are in seconds. This page is made from the code by
\`node docs/generate.ts\`; \`npm test\` checks that it is up to date. A dashboard is in \`deploy/grafana/atc.json\`, alerts are
in \`deploy/prometheus/alerts.yaml\`, and what to do about them is in [runbook.md](runbook.md).

No label has the name of an instance or of another object: there is a bounded number of Airways, kinds, results and codes.
Beside these stand memory, CPU, event loop and garbage collection of the process (\`process_…\`, \`nodejs_…\`), by the names
that Node's Prometheus client gives them.
`;

function metricsPage(): string {
  const own = createMetrics()
    .describe()
    .filter(({ name }) => name.startsWith("atc_"));
  return `${metricsHead}\n| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n${own.map(metricRow).join("")}`;
}

function metricRow({ name, type, labels, help }: MetricDescription): string {
  return `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(", ")} | ${help} |\n`;
}

const pages = [
  { path: "docs/errors.md", text: `${errorsHead}${(await sections()).join("")}` },
  { path: "docs/metrics.md", text: metricsPage() },
];
for (const { path, text } of pages) {
  const target = resolve(root, path);
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
    console.error(`${path} is not what the code says`);
    process.exitCode = 1;
  }
}
