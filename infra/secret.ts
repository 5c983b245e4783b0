/** The secret in Vault: what `pulumi config set secret` changes, and where the chain to the Deployment begins. */
import * as pulumi from "@pulumi/pulumi";
import * as vault from "@pulumi/vault";
import { Component } from "./component.ts";
import type { RunningVault } from "./substrate/substrate.ts";

export interface VaultSecretArgs {
  readonly vault: RunningVault;
  /** The value of key `hello`. */
  readonly value: pulumi.Output<string>;
}

/**
 * `secret/demo` of Vault's KV store, version 2. Vault's dev mode mounts `secret/` itself.
 *
 * Vault's dev mode forgets everything at a restart, and the Vault provider does not notice: so the secret is replaced
 * whenever another instance of Vault answers. `retainOnDelete` keeps the replacement from then deleting what it just
 * wrote, as old and new have one path.
 */
export class VaultSecret extends Component {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: VaultSecretArgs, options: pulumi.ComponentResourceOptions = {}) {
    super("VaultSecret", name, options);
    const { address, token, instance, lifetime } = args.vault;
    const provider = new vault.Provider(
      "vault",
      // A child token of the root token would only add a request to each run.
      { address, token: pulumi.secret(token), skipChildToken: true },
      { parent: this },
    );
    const secret = new vault.kv.SecretV2(
      name,
      {
        mount: "secret",
        name: "demo",
        dataJson: pulumi.secret(pulumi.jsonStringify({ hello: args.value })),
        deleteAllVersions: true,
      },
      { ...this.child, provider, replacementTrigger: instance, retainOnDelete: true, deletedWith: lifetime },
    );
    this.path = secret.path;
    this.registerOutputs({ path: this.path });
  }
}
