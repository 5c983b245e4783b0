/** The cluster that a command works on, chosen as kubectl chooses it. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createClient, type KubeClient } from "../kube/client.ts";
import { loadConfig } from "../kube/config.ts";

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface Cluster {
  readonly client: KubeClient;
  /** For what is namespaced and does not say where. */
  readonly namespace: string;
}

/** @throws KUBE_CONFIG_… */
export async function withCluster<T>(options: ClusterOptions, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { kubeconfig = kubectlsOwn(), context, namespace } = options;
  const config = loadConfig({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
  const client = createClient(config, { userAgent: "atc/0.1 cli" });
  try {
    return await use({ client, namespace: namespace ?? config.namespace });
  } finally {
    await client.transport.close();
  }
}

/** Where kubectl looks when nothing is said. */
function kubectlsOwn(): string | undefined {
  if (process.env["KUBECONFIG"]) return undefined;
  const path = join(homedir(), ".kube", "config");
  return existsSync(path) ? path : undefined;
}
