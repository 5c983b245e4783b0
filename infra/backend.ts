/** The Backend: one custom resource, from which the controller's flight makes all the rest. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";

export interface BackendArgs {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

export class Backend extends Component {
  /** `namespace/name`, known when the Backend is Ready. */
  readonly reference: pulumi.Output<string>;

  constructor(name: string, args: BackendArgs, options: pulumi.ComponentResourceOptions) {
    super("Backend", name, options);
    const { apiVersion, kind, spec } = args;
    const backend = new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion,
        kind,
        metadata: {
          name: args.name,
          namespace: args.namespace,
          annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "300" },
        },
        spec,
      },
      this.child,
    );
    this.reference = pulumi.interpolate`${backend.metadata.namespace}/${backend.metadata.name}`;
    this.registerOutputs({ reference: this.reference });
  }
}
