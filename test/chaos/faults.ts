/** Carries out the faults of a plan. */
import { setTimeout as delay } from "node:timers/promises";
import { everything, type FaultProxy } from "../e2e/support/proxy.ts";
import type { Cluster } from "./cluster.ts";
import type { Controller } from "./controller.ts";
import type { FaultKind, FaultStep } from "./plan.ts";

export interface Victims {
  readonly proxy: FaultProxy;
  readonly controller: Controller;
  readonly cluster: Cluster;
}

/** Runs the faults one after the other; those that last go on beside the next. Resolves when all are over. */
export async function carryOut(victims: Victims, steps: readonly FaultStep[]): Promise<void> {
  const lasting: Promise<void>[] = [];
  for (const step of steps) {
    await delay(step.pauseMs);
    const fault = faults[step.kind](victims, step);
    if (exclusive.has(step.kind)) await fault;
    else lasting.push(fault);
  }
  await Promise.all(lasting);
}

/** Two of these at once would get in each other's way. */
const exclusive: ReadonlySet<FaultKind> = new Set(["kill", "stop", "restart", "apiServer", "etcd"]);

type Fault = (victims: Victims, step: FaultStep) => Promise<void>;

/** The next requests are answered with this status. */
const answer =
  (status: number, retryAfter?: number): Fault =>
  async ({ proxy }, { count }) => {
    proxy.api.fail({
      on: everything,
      count,
      act: { type: "answer", status, ...(retryAfter === undefined ? {} : { retryAfter }) },
    });
  };

const faults: Readonly<Record<FaultKind, Fault>> = {
  cut: async ({ proxy: { network } }, { lastMs }) => {
    network.cut();
    await delay(lastMs);
    network.heal();
  },
  reset: async ({ proxy }) => proxy.network.reset(),
  freeze: async ({ proxy }) => proxy.network.freeze(),
  slow: async ({ proxy: { network } }, { lastMs, count }) => {
    network.slow(count * 10);
    await delay(lastMs);
    network.slow(0);
  },
  delayOne: async ({ proxy: { api } }, { lastMs, count }) => {
    api.delayOneConnection(count * 30);
    await delay(lastMs);
    api.delayOneConnection(undefined);
  },
  answer429: answer(429),
  answer429RetryAfter: answer(429, 1),
  answer500: answer(500),
  answer503: answer(503),
  gone: async ({ proxy: { network, api } }, { count }) => {
    api.fail({ on: ["watch", "list"], count, act: { type: "answer", status: 410 } });
    network.reset();
  },
  loseAnswers: async ({ proxy: { api } }, { count }) => api.fail({ on: ["write"], count, act: { type: "lose" } }),
  holdWrites: async ({ proxy: { api } }, { lastMs, count }) =>
    api.fail({ on: ["write"], count: Math.ceil(count / 4), act: { type: "hold", ms: lastMs } }),
  truncateBodies: async ({ proxy: { api } }, { count }) =>
    api.fail({ on: ["list", "read", "write"], count, act: { type: "truncate" } }),
  truncateEvents: async ({ proxy: { api } }, { count }) => {
    for (const watch of api.watches) watch.truncateNext(count % 2 === 0 ? "with a newline" : "without");
  },
  expireWatches: async ({ proxy: { api } }) => {
    for (const watch of api.watches) watch.expire();
  },
  dropBookmarks: async ({ proxy: { api } }, { lastMs }) => {
    api.watchFaults.dropBookmarks = true;
    await delay(lastMs);
    api.watchFaults.dropBookmarks = false;
  },
  staleBookmarks: async ({ proxy: { api } }) => {
    for (const watch of api.watches) watch.staleBookmark();
  },
  replay: async ({ proxy: { network, api } }, { lastMs }) => {
    api.replay = true;
    network.reset();
    await delay(lastMs);
    api.replay = false;
  },
  kill: async ({ controller }) => controller.replace("SIGKILL"),
  restart: async ({ controller }) => controller.replace("SIGTERM"),
  stop: async ({ controller }, { lastMs }) => {
    controller.signal("SIGSTOP");
    await delay(lastMs);
    controller.signal("SIGCONT");
  },
  apiServer: async ({ cluster }) => cluster.restart?.("kube-apiserver"),
  etcd: async ({ cluster }) => cluster.restart?.("etcd"),
};
