/**
 * The cluster of the end-to-end tests: one for all files, embedded, gone at the end. `E2E_KUBECONFIG` names another one
 * to use and leave alone; no other controller may run on it.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { deleteCluster, ensureCluster } from "../../../local/cluster.ts";
import { statePaths } from "../../../local/state.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Path of the kubeconfig. */
    kubeconfig: string;
  }
}

const root = resolve(import.meta.dirname, "../../..");
const clusters = resolve(root, ".state/e2e");

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env["E2E_KUBECONFIG"];
  if (given !== undefined && given !== "") {
    project.provide("kubeconfig", resolve(given));
    return undefined;
  }
  process.env["PATH"] = [resolve(root, ".tools/bin"), process.env["PATH"]].join(delimiter);
  await sweep();
  const cluster = clusterOf(process.pid);
  await ensureCluster({ ...cluster, progress: line => console.log(`[e2e cluster] ${line}`) });
  project.provide("kubeconfig", statePaths.kubeconfig(cluster.stateDir));
  return () => remove(process.pid);
}

/** One per run, so that two runs at a time do not take each other's cluster away. */
function clusterOf(pid: number): { stateDir: string; name: string } {
  return { stateDir: resolve(clusters, String(pid)), name: `e2e-${pid}` };
}

async function remove(pid: number): Promise<void> {
  await deleteCluster(clusterOf(pid));
  rmSync(clusterOf(pid).stateDir, { recursive: true, force: true });
}

/** Removes the clusters of runs that were killed. */
async function sweep(): Promise<void> {
  mkdirSync(clusters, { recursive: true });
  for (const pid of readdirSync(clusters).map(Number)) if (pid > 0 && !isAlive(pid)) await remove(pid);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
