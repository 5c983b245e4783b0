/** What happens in one round, made of its seed alone. Pure: the same seed, the same round. */
import { Random } from "./random.ts";

export const parts = ["a", "b", "c"] as const;
/** Instances of one trial. The first two look up one Secret; the last one renders the Secret that it looks up. */
export const instancesPerTrial = 3;
export const secretsPerTrial = 2;

export type Write =
  | { readonly type: "secret" | "deleteSecret"; readonly secret: number }
  | { readonly type: "spec"; readonly instance: number; readonly parts: readonly string[]; readonly deploy: boolean }
  | { readonly type: "edit" | "deleteChild"; readonly instance: number; readonly child: number }
  | { readonly type: "deleteInstance" | "createInstance"; readonly instance: number };

export interface Step {
  /** Before the write. */
  readonly pauseMs: number;
  readonly write: Write;
}

/** The instances, Secrets and writes that are judged together. */
export interface TrialPlan {
  readonly steps: readonly Step[];
}

/** Restarts and frozen connections take long, so they are rare; each fault comes in every few rounds. */
const weights = {
  ...{ cut: 3, reset: 4, freeze: 1, slow: 3, delayOne: 4 },
  ...{ answer429: 3, answer429RetryAfter: 3, answer500: 4, answer503: 3, gone: 3, loseAnswers: 4, holdWrites: 4 },
  ...{ truncateBodies: 3, truncateEvents: 4, expireWatches: 4, dropBookmarks: 2, staleBookmarks: 2, replay: 4 },
  ...{ kill: 8, stop: 3, restart: 2 },
  ...{ apiServer: 1, etcd: 1 },
} as const;

export type FaultKind = keyof typeof weights;
export const faultKinds = Object.keys(weights) as FaultKind[];

export interface FaultStep {
  /** Before the fault. */
  readonly pauseMs: number;
  readonly kind: FaultKind;
  /** How long it lasts, or, for what happens to single requests, how many. */
  readonly lastMs: number;
  readonly count: number;
}

export interface RoundPlan {
  readonly seed: number;
  readonly trials: readonly TrialPlan[];
  readonly faults: readonly FaultStep[];
}

export interface Sizes {
  readonly trials: number;
  /** Writes of each trial. */
  readonly writes: number;
  readonly faults: number;
  /** Whether API server and etcd may be restarted. */
  readonly cluster: boolean;
}

export function planRound(seed: number, sizes: Sizes): RoundPlan {
  const random = new Random(seed);
  const seeds = Array.from({ length: sizes.trials }, () => random.fork());
  const possible = { ...weights, ...(sizes.cluster ? {} : { apiServer: 0, etcd: 0 }) };
  return {
    seed,
    trials: seeds.map(own => planTrial(new Random(own), sizes)),
    faults: Array.from({ length: sizes.faults }, () => ({
      pauseMs: random.integer(0, 1_500),
      kind: random.weighted(possible),
      lastMs: random.integer(100, 2_500),
      count: random.integer(1, 40),
    })),
  };
}

/**
 * Many trials at once write as much in a second as twenty do: faults are to strike while there is something to be lost, and
 * not all writes of an instance are to fall into one render.
 */
function planTrial(random: Random, { trials, writes }: Sizes): TrialPlan {
  const longestPauseMs = Math.round(300 * Math.max(1, trials / 20));
  const steps = Array.from({ length: writes }, () => ({
    pauseMs: random.integer(0, longestPauseMs),
    write: planWrite(random),
  }));
  return { steps };
}

function planWrite(random: Random): Write {
  const instance = random.integer(0, instancesPerTrial - 1);
  const secret = random.integer(0, secretsPerTrial - 1);
  const type = random.weighted({
    secret: 35,
    deleteSecret: 4,
    spec: 20,
    edit: 14,
    deleteChild: 10,
    deleteInstance: 3,
    createInstance: 4,
  });
  switch (type) {
    case "secret":
    case "deleteSecret":
      return { type, secret };
    case "spec":
      return { type, instance, parts: random.subset(parts), deploy: random.next() < 0.8 };
    case "edit":
    case "deleteChild":
      return { type, instance, child: random.integer(0, parts.length) };
    default:
      return { type, instance };
  }
}
