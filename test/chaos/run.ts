/** Rounds of chaos, one after the other, against one controller of one or several replicas on one cluster. */

import { openProxy } from "../e2e/support/proxy.ts";
import { World } from "../e2e/support/world.ts";
import { clusterOf } from "./cluster.ts";
import { Controller } from "./controller.ts";
import { flight } from "./flight.ts";
import { type FaultKind, planRound, type Sizes } from "./plan.ts";
import { Random } from "./random.ts";
import { type RoundResult, runRound } from "./round.ts";

export interface ChaosOptions extends Omit<Sizes, "cluster"> {
  readonly kubeconfig: string;
  /** Of the first round; those of the others follow from it. */
  readonly seed: number;
  readonly rounds: number;
  /** Of the controller. */
  readonly replicas: number;
  /** Is told of every round that went well. */
  readonly progress?: (totals: Totals) => void;
}

export interface Totals {
  rounds: number;
  trials: number;
  writes: number;
  renders: number;
  mostRenders: number;
  revisions: number;
  mostRevisions: number;
  /** From one replica to another. */
  takeOvers: number;
  readonly faults: Map<FaultKind, number>;
}

export class ChaosFailure extends Error {
  /** Of the round that failed; alone, it is the same round again. */
  readonly seed: number;

  constructor(seed: number, cause: unknown, log: string) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`the round of seed ${seed} failed:\n${what}\n\nthe controller's last words:\n${log}`, { cause });
    this.seed = seed;
  }
}

/** @throws ChaosFailure */
export async function runChaos(options: ChaosOptions): Promise<Totals> {
  const cluster = clusterOf(options.kubeconfig);
  const world = new World(options.kubeconfig, "chaos");
  const proxies = await Promise.all(Array.from({ length: options.replicas }, () => openProxy(options.kubeconfig)));
  const controller = await Controller.start(proxies.map(({ kubeconfig }) => kubeconfig));
  const over = new AbortController();
  cluster.supervise?.(over.signal);
  const totals = emptyTotals();
  const sizes: Sizes = { ...options, cluster: cluster.restart !== undefined };
  const trial = {
    ...{ client: world.client, namespace: world.namespace },
    ...{ apiVersion: `${world.group}/v1`, kind: "Trial" },
  };
  try {
    await world.open();
    await world.airway({ kind: "Trial", flight });
    const seeds = seedsFrom(options.seed);
    for (let round = 0; round < options.rounds; round++) {
      const seed = seeds.next().value;
      try {
        add(totals, await runRound({ proxies, controller, cluster, trial }, planRound(seed, sizes)));
      } catch (error) {
        const names = String(error).match(/\br[a-z0-9]+-t\d+-[is]\d/g) ?? [];
        throw new ChaosFailure(seed, error, `${await controller.counts()}\n${controller.log(names)}`);
      }
      totals.takeOvers = await controller.takeOvers(world.client);
      options.progress?.(totals);
    }
    return totals;
  } finally {
    over.abort();
    for (const { network, api } of proxies) {
      network.heal();
      api.heal();
    }
    await cluster.heal?.();
    // What fails here is not to hide why it came to this.
    await world.close({ keepClient: true }).catch((error: unknown) => console.error(error));
    await controller.end(world.client);
    await world.client.transport.close();
    for (const proxy of proxies) proxy.close();
  }
}

/** The first is the given one, so that one round alone is had again by its own seed. */
function* seedsFrom(seed: number): Generator<number, never> {
  yield seed;
  for (const random = new Random(seed); ; ) yield random.fork();
}

function emptyTotals(): Totals {
  const counts = { rounds: 0, trials: 0, writes: 0, renders: 0, mostRenders: 0, revisions: 0, mostRevisions: 0 };
  return { ...counts, takeOvers: 0, faults: new Map() };
}

function add(totals: Totals, result: RoundResult): void {
  totals.rounds++;
  for (const key of ["trials", "writes", "renders", "mostRenders", "revisions", "mostRevisions"] as const) {
    totals[key] += result[key];
  }
  for (const fault of result.faults) totals.faults.set(fault, (totals.faults.get(fault) ?? 0) + 1);
}
