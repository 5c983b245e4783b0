/** The Airway: tells the controller which kind of resource to serve, and with which flight. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { BuiltFlight } from "../flights/build.ts";
import { Component } from "./component.ts";

export interface AirwayArgs {
  readonly flight: BuiltFlight;
  /** Names the ConfigMap. */
  readonly flightName: string;
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
    const { code, sha256, crd } = args.flight;
    const bundle = new kubernetes.core.v1.ConfigMap(
      `flight-${args.flightName}`,
      {
        metadata: { name: `flight-${args.flightName}-${sha256.slice(0, 12)}`, namespace: args.namespace },
        data: { "flight.js": code },
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
          name: `${crd.names.plural}.${crd.group}`,
          annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "120" },
        },
        spec: {
          wasmUrls: {
            flight: configMapUrl(bundle.metadata, "flight.js"),
            flightChecksum: sha256,
          },
          mode: args.mode,
          clusterAccess: true,
          template: crd,
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
