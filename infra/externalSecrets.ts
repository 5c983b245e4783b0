/** External Secrets in the cluster: the operator and its CRDs, without what the demo does not use. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";
import type { ChartSource } from "./config.ts";
import { chartLocation, imageValues } from "./helm.ts";

export interface ExternalSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  readonly chart: ChartSource;
  readonly image: string;
}

export class ExternalSecrets extends Component {
  constructor(name: string, args: ExternalSecretsArgs, options: pulumi.ComponentResourceOptions) {
    super("ExternalSecrets", name, options);
    new kubernetes.helm.v3.Release(
      name,
      {
        name: "external-secrets",
        namespace: args.namespace,
        ...chartLocation(args.chart),
        values: {
          ...imageValues(args.image),
          installCRDs: true,
          concurrent: 4,
          // Its CRDs need no conversion; without the webhook there is no certificate to wait for.
          webhook: { create: false },
          certController: { create: false },
          processClusterExternalSecret: false,
          processClusterPushSecret: false,
          processClusterStore: false,
          processPushSecret: false,
          crds: {
            createClusterExternalSecret: false,
            createClusterSecretStore: false,
            createClusterPushSecret: false,
            createPushSecret: false,
          },
        },
      },
      this.release,
    );
    this.registerOutputs();
  }
}
