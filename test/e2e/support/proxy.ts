/** Stands between a controller and its API server, and fails as networks and API servers do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiProxy, openApiProxy, type RequestKind } from "./proxy/apiProxy.ts";
import { type Network, openNetwork } from "./proxy/network.ts";

export const everything: readonly RequestKind[] = ["watch", "list", "read", "write"];

export interface FaultProxy {
  /** Path of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  readonly network: Network;
  readonly api: ApiProxy;
  close(): void;
}

/** The controller's bytes go through `network`, then its requests through `api`. */
export async function openProxy(kubeconfig: string): Promise<FaultProxy> {
  const api = await openApiProxy(kubeconfig);
  const network = await openNetwork({ host: "127.0.0.1", port: api.port });
  const folder = mkdtempSync(join(tmpdir(), "e2e-proxy-"));
  const path = join(folder, "kubeconfig.yaml");
  const cluster = {
    server: `https://127.0.0.1:${network.port}`,
    "certificate-authority-data": Buffer.from(api.ca).toString("base64"),
  };
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "e2e" },
    contexts: [{ name: "e2e", context: { cluster: "e2e", user: "e2e" } }],
    clusters: [{ name: "e2e", cluster }],
    users: [{ name: "e2e", user: {} }],
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return {
    kubeconfig: path,
    network,
    api,
    close: () => {
      network.close();
      api.close();
      rmSync(folder, { recursive: true });
    },
  };
}
