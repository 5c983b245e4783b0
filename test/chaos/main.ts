/** `npm run chaos`: many rounds on a cluster of its own, until all trials are done or one fails. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { deleteCluster, ensureCluster } from "../../local/cluster.ts";
import { statePaths } from "../../local/state.ts";
import { wholeNumber } from "../../scripts/wholeNumber.ts";
import { faultKinds } from "./plan.ts";
import { ChaosFailure, runChaos, type Totals } from "./run.ts";

export async function chaos(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trials: { type: "string", default: "200" },
      seed: { type: "string", default: String(Date.now() % 2 ** 32) },
      batch: { type: "string" },
      writes: { type: "string", default: "20" },
      faults: { type: "string" },
      replicas: { type: "string", default: "1" },
    },
  });
  const trials = wholeNumber("trials", values.trials);
  // A round of many trials lasts little longer than one of few.
  const large = trials > 1_000;
  const batch = Math.min(wholeNumber("batch", values.batch ?? (large ? "250" : "20")), trials);
  const seed = wholeNumber("seed", values.seed, 0);
  const [writes, faults] = [
    wholeNumber("writes", values.writes),
    wholeNumber("faults", values.faults ?? (large ? "20" : "8"), 0),
  ];
  const replicas = wholeNumber("replicas", values.replicas);
  const cluster = { stateDir: resolve(import.meta.dirname, "../../.state/chaos"), name: "chaos" };
  console.log(`seed ${seed}: ${trials} trials, ${batch} at a time`);
  await ensureCluster({ ...cluster, progress: console.log });
  const begin = Date.now();
  try {
    const totals = await runChaos({
      kubeconfig: statePaths.kubeconfig(cluster.stateDir),
      ...{ seed, rounds: Math.ceil(trials / batch), trials: batch, writes, faults, replicas },
      progress: totals => console.log(progressLine(totals, trials, Date.now() - begin)),
    });
    console.log(report(totals, Date.now() - begin));
  } catch (error) {
    if (!(error instanceof ChaosFailure)) throw error;
    console.error(error.message);
    const sizes = `--batch ${batch} --writes ${writes} --faults ${faults} --replicas ${replicas}`;
    console.error(`\nonce more: npm run chaos -- --seed ${error.seed} --trials ${batch} ${sizes}`);
    process.exitCode = 1;
  } finally {
    await deleteCluster(cluster);
  }
}

function progressLine({ trials, writes, renders }: Totals, wanted: number, elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1000);
  return `${trials} of ${wanted} trials, ${writes} writes, ${renders} renders, ${seconds} s`;
}

export function report(totals: Totals, elapsedMs: number): string {
  const faults = faultKinds.map(kind => `${kind} ${totals.faults.get(kind) ?? 0}`);
  const struck = totals.faults.values().reduce((sum, count) => sum + count, 0);
  return [
    `${totals.trials} trials in ${totals.rounds} rounds, ${Math.round(elapsedMs / 1000)} s`,
    `${struck} faults: ${faults.join(", ")}`,
    `${totals.writes} writes, ${totals.renders} renders (bound ${totals.mostRenders})`,
    `${totals.revisions} revisions of Deployments (bound ${totals.mostRevisions}), ${totals.takeOvers} take-overs`,
    "every child was what the last state renders, and none went back in time",
  ].join("\n");
}
