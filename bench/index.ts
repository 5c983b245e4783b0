/**
 * `npm run bench [-- --trials N --backends N]`: prints the numbers of the README, each measured now on this machine.
 * Compare ratios; single times say more about the machine than about the program.
 */

import { parseArgs } from "node:util";
import { eventually } from "../test/e2e/support/eventually.ts";
import { measureRender } from "./render.ts";
import { measureRequests } from "./requests.ts";
import { measureRoll, rollRows, writeSecret } from "./roll.ts";
import { measureRestart, measureScale } from "./scale.ts";
import { measureStack } from "./stack.ts";
import { type Row, table } from "./stats.ts";
import { measureWatches } from "./watches.ts";
import { createBackend, installAirway, namespace, startWorld, type World } from "./world.ts";

const { values } = parseArgs({
  options: { trials: { type: "string", default: "1000" }, backends: { type: "string", default: "1000" } },
});
const trials = Number(values.trials);
const backends = Number(values.backends);
const rows: Row[] = [];

function report(section: string, measured: Row[]): void {
  rows.push(...measured);
  console.log(`\n${section}`);
  for (const { what, value, bound } of measured) console.log(`  ${what}: ${value}${bound ? ` (aim: ${bound})` : ""}`);
}

async function firstBackend(world: World, name: string): Promise<void> {
  await createBackend(world, name, 2);
  await eventually("its Secret is rendered", async () => {
    if ((await world.client.get({ apiVersion: "v1", kind: "Secret", namespace, name })) === undefined)
      throw new Error("no");
  });
  await writeSecret(world.client, namespace, name, "first");
  await eventually("its Deployment runs", async () => {
    const deployment = await world.client.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
    if ((deployment?.["status"] as { readyReplicas?: number } | undefined)?.readyReplicas !== 2) throw new Error("no");
  });
}

report("Flight", await measureRender(500));

console.log("\nbringing up a stack of its own …");
report("The whole system", await measureStack());

console.log("\nbringing up a cluster of its own …");
const world = await startWorld();
try {
  let atc = await world.startAtc();
  await installAirway(world);
  await firstBackend(world, "nginx");
  report("Requests", await measureRequests(world, atc, "nginx"));
  const roll = { namespace, name: "nginx", trials, warmUp: Math.min(30, trials) };
  report("One Secret, one Deployment", rollRows(await measureRoll(world.client, roll)));
  report("Watches", await measureWatches(world, backends));
  report("Many instances", await measureScale(world, atc, backends));
  await atc.kill("SIGTERM");
  const restartedAt = performance.now();
  atc = await world.startAtc();
  report("Restart", await measureRestart(atc, restartedAt, backends));
  await atc.kill("SIGTERM");
} finally {
  await world.end();
}
console.log(`\n${table(rows)}`);
