/**
 * `npm run bench [-- NAME… --trials N --backends N --instances N]`: prints the numbers of the README, each measured now
 * on this machine. Compare ratios; single times say more about the machine than about the program.
 *
 * `BENCH_PROFILES=DIR` has the controllers leave CPU profiles there.
 */

import { parseArgs } from "node:util";
import { wholeNumber } from "../scripts/wholeNumber.ts";
import { startAtc } from "../test/e2e/support/atc.ts";
import { measureFanOut } from "./fanOut.ts";
import { measureForeignSecrets } from "./foreignSecrets.ts";
import { releaseOnSignals } from "./holding.ts";
import { measureInstances } from "./instances.ts";
import { measurePool } from "./pool.ts";
import { measureRenders } from "./render.ts";
import { measureRequests } from "./requests.ts";
import { measureRoll, rollRows } from "./roll.ts";
import { measureRestart, measureScale } from "./scale.ts";
import { measureStack } from "./stack.ts";
import { type Row, table } from "./stats.ts";
import { measureTakeOver } from "./takeOver.ts";
import { measureWatches } from "./watches.ts";
import { atRest } from "./work.ts";
import { firstBackend, installDemo, withWorld } from "./world.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trials: { type: "string", default: "1000" },
    backends: { type: "string", default: "1000" },
    instances: { type: "string", default: "10000" },
  },
});
const trials = wholeNumber("trials", values.trials);
const backends = wholeNumber("backends", values.backends);
const instances = wholeNumber("instances", values.instances);

const benches: Readonly<Record<string, () => Promise<Row[]>>> = {
  flights: () => measureRenders(Math.min(500, trials)),
  pool: measurePool,
  stack: measureStack,
  roll: () =>
    withWorld(async world => {
      const atc = await startAtc(world);
      await installDemo(world);
      await firstBackend(world, "nginx");
      const requests = await measureRequests(world, atc, "nginx");
      const { namespace } = world.hands;
      const roll = { namespace, name: "nginx", trials, warmUp: Math.min(30, trials) };
      const rows = [...requests, ...rollRows(await measureRoll(world.client, roll))];
      await atc.kill("SIGTERM");
      return rows;
    }),
  watches: () => withWorld(world => measureWatches(world, backends)),
  scale: () =>
    withWorld(async world => {
      let atc = await startAtc(world);
      await installDemo(world);
      const rows = await measureScale(world, atc, backends);
      await atRest(atc);
      await atc.kill("SIGTERM");
      const restartedAt = performance.now();
      atc = await startAtc(world);
      rows.push(...(await measureRestart(atc, restartedAt, backends)));
      await atc.kill("SIGTERM");
      return rows;
    }),
  "fan-out": () => measureFanOut(backends),
  instances: () => measureInstances(instances),
  "foreign-secrets": () => measureForeignSecrets(instances),
  "take-over": () => measureTakeOver(Math.min(100, backends)),
};

const names = positionals.length === 0 ? Object.keys(benches) : positionals;
const unknown = names.find(name => !(name in benches));
if (unknown !== undefined) {
  console.error(`there is no bench ${unknown}; there are ${Object.keys(benches).join(", ")}`);
  process.exit(1);
}

releaseOnSignals();
const rows: Row[] = [];
for (const name of names) {
  console.log(`\n${name} …`);
  const measured = (await benches[name]?.()) ?? [];
  rows.push(...measured);
  for (const { what, value, bound } of measured) console.log(`  ${what}: ${value}${bound ? ` (aim: ${bound})` : ""}`);
}
console.log(`\n${table(rows)}`);
// Connections of what failed to come up would keep it alive.
process.exit();
