/**
 * `npm test`: static checks, unit tests, end-to-end tests on the embedded cluster, conformance scenarios, in this order.
 *
 * `test static`, `test unit [FILTER…]`, `test e2e [FILTER…]`, `test conformance [--write | FILTER…]` run one part.
 * `test kind [FILTER…]` runs what needs Docker and kind, and is no part of the whole.
 */
import { embeddedTools, testTools } from "../local/tools/catalog.ts";
import { ensureTools } from "../local/tools/tools.ts";
import { errors } from "./errors.ts";
import { run } from "./main.ts";
import { runConformance } from "./testing/conformance.ts";
import { runStatic } from "./testing/static.ts";
import { closingLine, sum, type Tally } from "./testing/tally.ts";
import { tallyVitest } from "./testing/vitest.ts";
import { onPath } from "./tools.ts";

const parts = {
  static: { title: "static checks", run: runStatic },
  unit: { title: "unit tests", run: (filters: readonly string[]) => tallyVitest("unit", filters) },
  e2e: { title: "end-to-end tests on the embedded cluster", run: runEndToEnd },
  conformance: { title: "conformance scenarios on the embedded cluster", run: runScenarios },
  kind: { title: "end-to-end tests on kind", run: (filters: readonly string[]) => tallyVitest("kind", filters) },
};
type Part = keyof typeof parts;
const whole: readonly Part[] = ["static", "unit", "e2e", "conformance"];

async function runEndToEnd(filters: readonly string[]): Promise<Tally> {
  await onPath(ensureTools([...embeddedTools, ...testTools]));
  return tallyVitest("e2e", filters);
}

async function runScenarios(filters: readonly string[]): Promise<Tally> {
  await onPath(ensureTools([...embeddedTools, ...testTools]));
  return runConformance(filters);
}

const isPart = (word: string): word is Part => Object.hasOwn(parts, word);

await run(async ([first, ...filters]) => {
  if (first !== undefined && !isPart(first)) {
    const usage = `npm test [${Object.keys(parts).join("|")}] [FILTER…]`;
    throw errors.SCRIPT_USAGE({ problem: `there is no part "${first}" of the tests`, usage });
  }
  const tallies: Tally[] = [];
  for (const part of first === undefined ? whole : [first]) {
    console.log(`\n== ${parts[part].title}\n`);
    tallies.push(await parts[part].run(filters));
  }
  const total = sum(tallies);
  console.log(`\n${closingLine(total)}`);
  if (total.failed > 0) process.exitCode = 1;
});
