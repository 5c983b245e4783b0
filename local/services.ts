/**
 * The services of the embedded substrate, as declarations for `node local/cli.ts service up`. Pure: they name no path
 * and no address of this machine, so they may stand in a Pulumi state.
 */
import type { Account, ServiceDeclaration } from "./supervisor/spec.ts";

/** A port number that the user has chosen, or any free one that is then kept. */
export type PortChoice = number | "auto";

/**
 * Vault in dev mode: unsealed, `secret/` is a KV version 2, everything in memory. `instance` is its cluster_id, which is
 * new at each start, as its data is gone then.
 */
export function vaultService({ port, rootToken }: { port: PortChoice; rootToken: string }): ServiceDeclaration {
  return {
    name: "vault",
    command: "vault",
    // The token goes through the environment: arguments are readable for everybody on the machine.
    args: ["server", "-dev", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:{port:http}"],
    env: { VAULT_DEV_ROOT_TOKEN_ID: rootToken },
    ports: { http: port },
    ready: { url: "http://127.0.0.1:{port:http}/v1/sys/health", instanceField: "cluster_id" },
  };
}

/**
 * External Secrets Operator as a process. It reconciles SecretStore, ExternalSecret and (always) GeneratorState, so
 * those three CRDs must be there; the kinds that are switched off need none.
 */
export function externalSecretsService(): ServiceDeclaration {
  return {
    name: "external-secrets",
    command: "external-secrets",
    args: [
      "--metrics-addr=127.0.0.1:{port:metrics}",
      "--concurrent=4",
      "--enable-leader-election=false",
      "--enable-cluster-store-reconciler=false",
      "--enable-cluster-external-secret-reconciler=false",
      "--enable-cluster-push-secret-reconciler=false",
      "--enable-push-secret-reconciler=false",
    ],
    env: { KUBECONFIG: "{state}/kubeconfig.yaml" },
    ports: { metrics: "auto" },
    ready: { url: "http://127.0.0.1:{port:metrics}/metrics" },
  };
}

export interface ControllerOptions {
  /** The ServiceAccount that it works as. */
  readonly account: Account;
  /** A hash of the controller's code and of its account: a new one restarts it. */
  readonly digest: string;
}

/**
 * The Air Traffic Controller, run from its sources. It is the only replica: the supervisor starts it again at once, and
 * standing by for itself would only take time. The API server calls its webhooks on loopback.
 */
export function controllerService({ account, digest }: ControllerOptions): ServiceDeclaration {
  return {
    name: "controller",
    command: "node",
    args: ["controller/main.ts"],
    env: {
      KUBE: "{login}",
      METRICS_ADDRESS: "127.0.0.1:{port:http}",
      PORT: "{port:webhooks}",
      WEBHOOK_URL: "https://127.0.0.1:{port:webhooks}",
      SVC_NAMESPACE: account.namespace,
      CACHE_FS: "{state}/modules",
    },
    account,
    ports: { http: "auto", webhooks: "auto" },
    ready: { url: "http://127.0.0.1:{port:http}/readyz" },
    digest,
    stopSeconds: 20,
  };
}
