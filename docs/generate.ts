/**
 * Writes docs/errors.md from the rooms' tables; with `--check` says whether it is what they say.
 * Each message is shown with the names of its facts in place of their values.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "..");
const target = resolve(root, "docs/errors.md");

const head = `# Errors

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

const page = `${head}${(await sections()).join("")}`;
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== page) {
    console.error("docs/errors.md is not what the tables of errors say");
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, page);
}
