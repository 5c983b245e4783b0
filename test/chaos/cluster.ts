/** Restarts parts of an embedded cluster, as a crash of their machine does. */
import { dirname } from "node:path";
import { readClusterRecord, runningComponents } from "../../local/cluster/health.ts";
import { ensureCluster } from "../../local/cluster.ts";
import { endProcesses } from "../../local/processes.ts";
import { statePaths } from "../../local/state.ts";

export interface Cluster {
  readonly kubeconfig: string;
  /** Kills a component and starts it again; resolves when the cluster is well. Absent where it is somebody else's. */
  readonly restart?: (component: "kube-apiserver" | "etcd") => Promise<void>;
  /** Starts what does not run, as after a failure in the middle of a restart. */
  readonly heal?: () => Promise<void>;
}

/** What a kubeconfig that `ensureCluster` wrote leads to. */
export function clusterOf(kubeconfig: string): Cluster {
  const stateDir = dirname(kubeconfig);
  const record = statePaths.kubeconfig(stateDir) === kubeconfig ? readClusterRecord(stateDir) : undefined;
  if (record === undefined) return { kubeconfig };
  const { name, clusterDir } = record;
  const heal = async () => {
    await ensureCluster({ stateDir, name });
  };
  return {
    kubeconfig,
    heal,
    restart: async component => {
      const process = runningComponents(clusterDir).get(component);
      if (process !== undefined) await endProcesses([process], 0);
      await heal();
    },
  };
}
