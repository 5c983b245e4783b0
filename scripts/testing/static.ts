/** What can be said without running the product: format, lint, architecture, types, unused code, generated files. */
import { quietly } from "./command.ts";
import { sum, type Tally } from "./tally.ts";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** How to put it right. */
  readonly todo: string;
}

const checks: readonly Check[] = [
  {
    name: "format, lint, architecture rules (biome)",
    command: ["biome", "ci", "--colors=off"],
    todo: "`npm run format` repairs what can be repaired.",
  },
  { name: "types (tsc)", command: ["tsc", "--noEmit"], todo: "Correct the types." },
  { name: "unused code (knip)", command: ["knip", "--no-progress"], todo: "Remove what nothing uses." },
  {
    name: "generated: infra/crds/external-secrets.yaml",
    command: ["node", "infra/crds/generate.ts", "--check"],
    todo: "Run `node infra/crds/generate.ts`.",
  },
  {
    name: "generated: docs/errors.md, docs/metrics.md",
    command: ["node", "docs/generate.ts", "--check"],
    todo: "Run `node docs/generate.ts`.",
  },
];

/** One after the other, each with a line; a failed one shows what it said. */
export async function runStatic(): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const check of checks) tallies.push(await runCheck(check));
  return sum(tallies);
}

async function runCheck({ name, command: [command, ...args], todo }: Check): Promise<Tally> {
  const since = performance.now();
  const { code, output } = await quietly(command, args);
  const took = `${((performance.now() - since) / 1000).toFixed(1)} s`;
  if (code === 0) {
    console.log(`  ok      ${name}, ${took}`);
    return { passed: 1, failed: 0 };
  }
  console.log(`  FAILED  ${name}, ${took}\n${output.trimEnd()}\n  ${todo}`);
  return { passed: 0, failed: 1 };
}
