/**
 * The cluster of the end-to-end tests: one for all files, embedded, gone at the end. `E2E_KUBECONFIG` names another one
 * to use and leave alone; no other controller may run on it.
 */
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

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env["E2E_KUBECONFIG"];
  if (given !== undefined && given !== "") {
    project.provide("kubeconfig", resolve(given));
    return undefined;
  }
  process.env["PATH"] = [resolve(root, ".tools/bin"), process.env["PATH"]].join(delimiter);
  const cluster = { stateDir: resolve(root, ".state/e2e"), name: "e2e" };
  await ensureCluster({ ...cluster, progress: line => console.log(`[e2e cluster] ${line}`) });
  project.provide("kubeconfig", statePaths.kubeconfig(cluster.stateDir));
  return () => deleteCluster(cluster);
}
