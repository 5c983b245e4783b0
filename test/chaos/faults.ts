/** Carries out the faults of a plan. */
import { setTimeout as delay } from "node:timers/promises";
import type { RequestFault } from "../e2e/support/proxy/apiProxy.ts";
import { everything, type FaultProxy } from "../e2e/support/proxy.ts";
import type { Cluster } from "./cluster.ts";
import type { Controller } from "./controller.ts";
import type { FaultKind, FaultStep } from "./plan.ts";

export interface Victims {
  /** Of each replica its own. */
  readonly proxies: readonly FaultProxy[];
  readonly controller: Controller;
  readonly cluster: Cluster;
}

/** Runs the faults one after the other; those that last go on beside the next. Resolves when all are over. */
export async function carryOut(victims: Victims, steps: readonly FaultStep[]): Promise<void> {
  const lasting: Promise<void>[] = [];
  for (const step of steps) {
    await delay(step.pauseMs);
    if (isProcessFault(step.kind)) await processFaults[step.kind](victims, step);
    else lasting.push(strike(proxyFaults[step.kind], victims, step));
  }
  await Promise.all(lasting);
}

/** All replicas, or one that has its own trouble while the others go on. */
async function strike(fault: ProxyFault, { proxies }: Victims, step: FaultStep): Promise<void> {
  const one = proxies[(step.count % (proxies.length + 1)) - 1];
  await Promise.all((one === undefined ? proxies : [one]).map(proxy => fault(proxy, step)));
}

type ProxyFault = (proxy: FaultProxy, step: FaultStep) => Promise<void>;

/**
 * What happens to the next requests. A controller that has just started makes one every few seconds, and would be kept
 * from work for minutes.
 */
function failNext({ api }: FaultProxy, fault: Omit<RequestFault, "forMs">): void {
  api.fail({ ...fault, forMs: 15_000 });
}

/** The next requests are answered with this status. */
const answer =
  (status: number, retryAfter?: number): ProxyFault =>
  async (proxy, { count }) =>
    failNext(proxy, {
      on: everything,
      count,
      act: { type: "answer", status, ...(retryAfter === undefined ? {} : { retryAfter }) },
    });

const proxyFaults: Readonly<Record<Exclude<FaultKind, ProcessFault>, ProxyFault>> = {
  cut: async ({ network }, { lastMs }) => {
    network.cut();
    await delay(lastMs);
    network.heal();
  },
  reset: async ({ network }) => network.reset(),
  freeze: async ({ network }) => network.freeze(),
  slow: async ({ network }, { lastMs, count }) => {
    network.slow(count * 10);
    await delay(lastMs);
    network.slow(0);
  },
  delayOne: async ({ api }, { lastMs, count }) => {
    api.delayOneConnection(count * 30);
    await delay(lastMs);
    api.delayOneConnection(undefined);
  },
  answer429: answer(429),
  answer429RetryAfter: answer(429, 1),
  answer500: answer(500),
  answer503: answer(503),
  gone: async (proxy, { count }) => {
    failNext(proxy, { on: ["watch", "list"], count, act: { type: "answer", status: 410 } });
    proxy.network.reset();
  },
  loseAnswers: async (proxy, { count }) => failNext(proxy, { on: ["write"], count, act: { type: "lose" } }),
  holdWrites: async (proxy, { lastMs, count }) =>
    failNext(proxy, { on: ["write"], count: Math.ceil(count / 4), act: { type: "hold", ms: lastMs } }),
  truncateBodies: async (proxy, { count }) =>
    failNext(proxy, { on: ["list", "read", "write"], count, act: { type: "truncate" } }),
  truncateEvents: async ({ api }, { count }) => {
    for (const watch of api.watches) watch.truncateNext(count % 2 === 0 ? "with a newline" : "without");
  },
  expireWatches: async ({ api }) => {
    for (const watch of api.watches) watch.expire();
  },
  dropBookmarks: async ({ api }, { lastMs }) => {
    api.watchFaults.dropBookmarks = true;
    await delay(lastMs);
    api.watchFaults.dropBookmarks = false;
  },
  staleBookmarks: async ({ api }) => {
    for (const watch of api.watches) watch.staleBookmark();
  },
  replay: async ({ network, api }, { lastMs }) => {
    api.replay = true;
    network.reset();
    await delay(lastMs);
    api.replay = false;
  },
};

/** Two of these at once would get in each other's way. */
type ProcessFault = "kill" | "restart" | "stop" | "apiServer" | "etcd";

const processFaults: Readonly<Record<ProcessFault, (victims: Victims, step: FaultStep) => Promise<void>>> = {
  kill: ({ controller }) => controller.replace("SIGKILL"),
  restart: ({ controller }) => controller.replace("SIGTERM"),
  stop: ({ controller }, { lastMs }) => controller.pause(lastMs),
  apiServer: async ({ cluster }) => cluster.restart?.("kube-apiserver"),
  etcd: async ({ cluster }) => cluster.restart?.("etcd"),
};

function isProcessFault(kind: FaultKind): kind is ProcessFault {
  return kind in processFaults;
}
