/** The Backend: one custom resource, from which the controller's flight makes all the rest. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type * as z from "zod";
import { backend as definition, type Spec } from "../flights/backend/flight.ts";
import { Component } from "./component.ts";

export interface BackendArgs {
  readonly namespace: string;
  readonly spec: z.input<typeof Spec>;
}

export class Backend extends Component {
  /** `namespace/name`, known when the Backend is Ready. */
  readonly reference: pulumi.Output<string>;

  constructor(name: string, args: BackendArgs, options: pulumi.ComponentResourceOptions) {
    super("Backend", name, options);
    const backend = new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: `${definition.group}/${definition.version}`,
        kind: definition.kind,
        metadata: {
          name,
          namespace: args.namespace,
          annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "300" },
        },
        spec: args.spec,
      },
      this.child,
    );
    this.reference = pulumi.interpolate`${backend.metadata.namespace}/${backend.metadata.name}`;
    this.registerOutputs({ reference: this.reference });
  }
}
