/** One round: trials write, faults strike, all faults end, and then everything has to be as the last writes make it. */
import { setTimeout as delay } from "node:timers/promises";
import { problemsOf, takePicture } from "./check.ts";
import { carryOut, type Victims } from "./faults.ts";
import { Observer } from "./observer.ts";
import type { FaultKind, RoundPlan } from "./plan.ts";
import { Trial, type TrialWorld } from "./trial.ts";

export interface RoundResult {
  readonly trials: number;
  readonly writes: number;
  readonly faults: readonly FaultKind[];
  readonly renders: number;
  readonly mostRenders: number;
  /** Of all Deployments, also of those that were deleted. */
  readonly revisions: number;
  readonly mostRevisions: number;
}

export interface RoundWorld extends Victims {
  readonly trial: Omit<TrialWorld, "signal">;
}

/**
 * Without any progress, which a busy machine makes slowly. The slowest way back: a frozen connection that is found by ping,
 * and a pause of an API server in trouble.
 */
const stuckAfterMs = 120_000;
/** A look takes everything from the API server, which has other work to do. */
const lookEveryMs = 1_000;

/** @throws Error with what is wrong; what is asked of the trials must then not be relied on any more. */
export async function runRound(world: RoundWorld, plan: RoundPlan): Promise<RoundResult> {
  const { controller, proxies } = world;
  const over = new AbortController();
  const trialWorld = { ...world.trial, signal: over.signal };
  const prefix = `r${plan.seed.toString(36)}`;
  const trials = plan.trials.map((trial, index) => new Trial(trialWorld, `${prefix}-t${index}`, trial));
  const unbroken = (work: Promise<unknown>) => Promise.race([work, controller.crash()]);
  const written = (work: Promise<unknown>) => unbroken(timely(trials, work));
  const observer = new Observer(trialWorld.client, trialWorld.namespace);
  await observer.synced();
  const before = { renders: await controller.renders(), starts: controller.starts };
  try {
    await written(Promise.all(trials.map(trial => trial.begin())));
    await written(Promise.all([carryOut(world, plan.faults), ...trials.map(trial => trial.run())]));
    for (const { network, api } of proxies) {
      network.heal();
      api.heal();
    }
    await unbroken(quiet(world, trials));
    const renders = (await controller.renders()) - before.renders;
    const bounds = boundsOf(trials, controller.starts - before.starts);
    const revisions = observer.revisions();
    const result: RoundResult = {
      trials: trials.length,
      writes: trials.reduce((sum, { writes }) => sum + writes, 0),
      faults: plan.faults.map(({ kind }) => kind),
      ...{ renders, revisions, ...bounds },
    };
    const problems = [...observer.violations, ...excessOf(result)];
    if (problems.length > 0) throw new Error(problems.join("\n"));
    await written(Promise.all(trials.map(trial => trial.end())));
    await unbroken(quiet(world, trials));
    return result;
  } finally {
    over.abort();
    await observer.stop();
  }
}

/** Writes wait for the end of faults and for deletions, but not for ever. */
async function timely(trials: readonly Trial[], work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const watch = async () => {
    const limit = new ProgressLimit();
    for (;;) {
      await delay(lookEveryMs, undefined, { signal: over.signal });
      limit.left(-trials.reduce((sum, { progress }) => sum + progress, 0), () => {
        const waits = trials.map(({ waitsFor }) => waitsFor).filter(words => words !== "");
        return `not all was written: ${waits.slice(0, 5).join("; ") || "faults last"}`;
      });
    }
  };
  const stuck = watch();
  stuck.catch(() => undefined);
  await Promise.race([work, stuck]).finally(() => over.abort());
}

/** Right, and still right when the controller has nothing left to do. */
async function quiet({ controller, trial }: RoundWorld, trials: readonly Trial[]): Promise<void> {
  const look = async () => problemsOf(await takePicture(trial), trials);
  const limit = new ProgressLimit();
  for (;;) {
    const problems = await look().catch(String);
    if (problems.length === 0) break;
    if (typeof problems === "string") limit.left(Number.POSITIVE_INFINITY, () => problems);
    else limit.left(problems.length, () => problems.slice(0, 20).join("\n"));
    await delay(lookEveryMs);
  }
  await controller.idle();
  const problems = await look();
  if (problems.length > 0) throw new Error(problems.slice(0, 20).join("\n"));
}

/** Ends when what is left to be done has not become less for too long. */
class ProgressLimit {
  #least = Number.POSITIVE_INFINITY;
  #since = Date.now();

  /** @throws Error with what is wrong */
  left(amount: number, wrong: () => string): void {
    if (amount < this.#least) {
      this.#least = amount;
      this.#since = Date.now();
    }
    if (Date.now() - this.#since < stuckAfterMs) return;
    throw new Error(`no progress in ${stuckAfterMs / 1000} s: ${wrong()}`);
  }
}

/**
 * How much work the writes may cause. A write that an instance sees is one render, or two where it fell into a render:
 * that one is thrown away by the lock, or done again. A new process renders each instance at most once, where the one
 * before it did not come to record what it had done.
 *
 * A Deployment gets one revision for each state that it is rendered from, and for a foreign edit one and one back.
 */
function boundsOf(trials: readonly Trial[], starts: number): { mostRenders: number; mostRevisions: number } {
  const instances = trials.reduce((sum, trial) => sum + trial.instances.length, 0);
  const count = (...types: string[]) =>
    trials.reduce((sum, { done }) => sum + types.reduce((own, type) => own + (done.get(type as never) ?? 0), 0), 0);
  // One Secret has two instances that look it up.
  const seen = 2 * count("secret", "deleteSecret") + count("spec", "edit", "deleteChild", "createInstance") + instances;
  return { mostRenders: 2 * seen + starts * instances, mostRevisions: seen + 2 * count("edit") };
}

function excessOf({ renders, mostRenders, revisions, mostRevisions }: RoundResult): string[] {
  return [
    ...(renders > mostRenders ? [`${renders} renders, but no more than ${mostRenders} have a reason`] : []),
    ...(revisions > mostRevisions ? [`${revisions} revisions, but no more than ${mostRevisions} have a reason`] : []),
  ];
}
