/** The Airway: tells the controller which kind of resource to serve, and with which flight. */
import { createHash } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";

export interface AirwayArgs {
  /** A short name of the flight. */
  readonly flight: string;
  /** The flight's bundle: one JavaScript module. */
  readonly code: string;
  /** The CRD that the Airway makes: a CustomResourceDefinitionSpec. */
  readonly template: { readonly group: string; readonly names: { readonly plural: string } };
  readonly mode: "dynamic" | "subscription";
  /** Where the controller reads flights. */
  readonly namespace: pulumi.Input<string>;
}

/**
 * An Airway and the ConfigMap with its flight.
 *
 * The ConfigMap is immutable and named by its content. A changed flight is a new ConfigMap, then the Airway moves to
 * it, then the old one goes: no instance ever renders half of a change.
 */
export class Airway extends Component {
  constructor(name: string, args: AirwayArgs, options: pulumi.ComponentResourceOptions) {
    super("Airway", name, options);
    const checksum = createHash("sha256").update(args.code).digest("hex");
    const bundle = new kubernetes.core.v1.ConfigMap(
      `flight-${args.flight}`,
      {
        metadata: { name: `flight-${args.flight}-${checksum.slice(0, 12)}`, namespace: args.namespace },
        data: { "flight.js": args.code },
        immutable: true,
      },
      this.child,
    );
    new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "yoke.cd/v1alpha1",
        kind: "Airway",
        metadata: {
          name: `${args.template.names.plural}.${args.template.group}`,
          annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "120" },
        },
        spec: {
          wasmUrls: {
            flight: configMapUrl(bundle.metadata, "flight.js"),
            flightChecksum: checksum,
          },
          mode: args.mode,
          clusterAccess: true,
          template: args.template,
        },
      },
      this.child,
    );
    this.registerOutputs();
  }
}

const configMapUrl = (metadata: ConfigMapMetadata, key: string): pulumi.Output<string> =>
  metadata.apply(({ namespace, name }) => `configmap://${namespace}/${name}/${key}`);

type ConfigMapMetadata = kubernetes.core.v1.ConfigMap["metadata"];
