/** Restarts parts of an embedded cluster, as a crash of their machine does. */
import { dirname } from "node:path";
import { components, readClusterRecord, runningComponents } from "../../local/cluster/health.ts";
import { ensureCluster } from "../../local/cluster.ts";
import { endProcesses } from "../../local/processes.ts";
import { statePaths } from "../../local/state.ts";

export interface Cluster {
  readonly kubeconfig: string;
  /** Kills a component and starts it again; resolves when the cluster is well. Absent where it is somebody else's. */
  readonly restart?: (component: "kube-apiserver" | "etcd") => Promise<void>;
  /** Starts what does not run, as after a failure in the middle of a restart. */
  readonly heal?: () => Promise<void>;
  /**
   * Until `signal` aborts: starts what ended by itself, as a kubelet does. An API server that starts while etcd is away
   * gives up after a while.
   */
  readonly supervise?: (signal: AbortSignal) => void;
}

const superviseEveryMs = 3_000;

/** What a kubeconfig that `ensureCluster` wrote leads to. */
export function clusterOf(kubeconfig: string): Cluster {
  const stateDir = dirname(kubeconfig);
  const record = statePaths.kubeconfig(stateDir) === kubeconfig ? readClusterRecord(stateDir) : undefined;
  if (record === undefined) return { kubeconfig };
  const { name, clusterDir } = record;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (action: () => Promise<unknown>): Promise<void> => {
    const done = last.then(action);
    last = done.catch(() => undefined);
    return done.then(() => undefined);
  };
  const heal = () => ensureCluster({ stateDir, name });
  return {
    kubeconfig,
    heal: () => inTurn(heal),
    restart: component =>
      inTurn(async () => {
        const process = runningComponents(clusterDir).get(component);
        if (process !== undefined) await endProcesses([process], 0);
        await heal();
      }),
    supervise: signal => {
      const look = () =>
        inTurn(async () => {
          if (runningComponents(clusterDir).size < components.length) await heal();
        });
      const timer = setInterval(() => void look().catch((error: unknown) => console.error(error)), superviseEveryMs);
      signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    },
  };
}
