/** How External Secrets reaches Vault: the SecretStore that the flight's ExternalSecret names. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";
import type { RunningVault } from "./substrate/substrate.ts";

export interface SecretStoreArgs {
  readonly namespace: string;
  readonly vault: RunningVault;
}

export class SecretStore extends Component {
  constructor(name: string, args: SecretStoreArgs, options: pulumi.ComponentResourceOptions) {
    super("SecretStore", name, options);
    const { namespace } = args;
    const token = new kubernetes.core.v1.Secret(
      "vault-token",
      { metadata: { name: "vault-token", namespace }, stringData: { token: args.vault.token } },
      this.child,
    );
    new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "external-secrets.io/v1",
        kind: "SecretStore",
        metadata: {
          name,
          namespace,
          annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "120" },
        },
        spec: {
          // Seconds. Its own default of five minutes would keep the store broken that long after Vault came back.
          refreshInterval: 30,
          provider: {
            vault: {
              server: args.vault.addressForCluster,
              path: "secret",
              version: "v2",
              auth: { tokenSecretRef: { name: token.metadata.name, key: "token" } },
            },
          },
        },
      },
      this.child,
    );
    this.registerOutputs();
  }
}
