/** Vault in the cluster: dev mode, unsealed, its KV store at `secret/`. */
import { local } from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";
import type { ChartSource } from "./config.ts";
import { chartLocation, imageValues } from "./helm.ts";
import { VAULT_NODE_PORT } from "./kind/cluster.ts";
import { root } from "./paths.ts";
import type { RunningVault } from "./substrate/substrate.ts";

export interface VaultArgs {
  readonly namespace: pulumi.Input<string>;
  readonly chart: ChartSource;
  readonly image: string;
  readonly token: pulumi.Output<string>;
  /** Where this machine reaches the node port. */
  readonly address: string;
}

export class Vault extends Component implements RunningVault {
  readonly address: pulumi.Output<string>;
  readonly addressForCluster: pulumi.Output<string>;
  readonly token: pulumi.Output<string>;
  readonly instance: pulumi.Output<string>;
  readonly lifetime: pulumi.Resource;

  constructor(name: string, args: VaultArgs, options: pulumi.ComponentResourceOptions) {
    super("Vault", name, options);
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "vault",
        namespace: args.namespace,
        ...chartLocation(args.chart),
        values: {
          fullnameOverride: "vault",
          global: { tlsDisable: true },
          injector: { enabled: false },
          server: {
            ...imageValues(args.image),
            dev: { enabled: true, devRootToken: args.token },
            // Helm waits for no StatefulSet that is updated OnDelete, the chart's default: it would be ready too early.
            updateStrategyType: "RollingUpdate",
            // Over HTTP; the chart's own probe starts a `vault status` every five seconds.
            readinessProbe: { path: "/v1/sys/health", port: 8200 },
            service: { type: "NodePort", nodePort: VAULT_NODE_PORT },
          },
        },
      },
      this.release,
    );
    const answers = new local.Command(
      `${name}-answers`,
      {
        create: "node infra/vaultInstance.ts",
        dir: root,
        environment: { VAULT_ADDR: args.address },
        triggers: [release.id, release.status.revision],
        logging: local.Logging.Stderr,
        addPreviousOutputInEnv: false,
      },
      { ...this.child, dependsOn: release },
    );
    this.address = answers.stdout.apply(() => args.address);
    this.addressForCluster = pulumi.interpolate`http://vault.${args.namespace}.svc:8200`;
    this.token = pulumi.secret(args.token);
    // Asked anew at each run: a pod that was restarted in between is another Vault, and Pulumi would not know.
    this.instance = local.runOutput({
      command: "node infra/vaultInstance.ts",
      dir: root,
      environment: { VAULT_ADDR: this.address },
      logging: local.Logging.None,
    }).stdout;
    this.lifetime = release;
    this.registerOutputs({ address: this.address });
  }
}
