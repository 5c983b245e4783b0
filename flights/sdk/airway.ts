/** The Airway that serves a flight. */
import { type CrdSpec, toCrd } from "./crd.ts";
import type { Flight } from "./flight.ts";

export interface AirwayOptions {
  /** Where the controller finds the built flight, such as `configmap://<namespace>/<name>/<key>`. */
  readonly url: string;
  /** sha256 of the built flight, hex. */
  readonly sha256?: string;
  /** The built converter, for a flight with `otherVersions`. */
  readonly converter?: { readonly url: string; readonly sha256?: string };
  /** Default `dynamic`. */
  readonly mode?: "standard" | "static" | "dynamic" | "subscription";
  /** Whether the flight may look anything up. Default true. */
  readonly clusterAccess?: boolean;
  /** What it may look up besides its own release: `[namespace/]Kind[.group][:name]`. */
  readonly resourceAccessMatchers?: readonly string[];
  /** Of one render, as Go writes durations: `500ms`. */
  readonly timeout?: string;
  readonly maxMemoryMib?: number;
}

export interface Airway {
  readonly apiVersion: "yoke.cd/v1alpha1";
  readonly kind: "Airway";
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>> & { readonly template: CrdSpec };
}

export function airway(flight: Flight, options: AirwayOptions): Airway {
  const { url, sha256, converter, mode = "dynamic", clusterAccess = true, ...others } = options;
  return {
    apiVersion: "yoke.cd/v1alpha1",
    kind: "Airway",
    metadata: { name: `${flight.plural}.${flight.group}` },
    spec: {
      wasmUrls: {
        flight: url,
        ...(sha256 && { flightChecksum: sha256 }),
        ...(converter && { converter: converter.url }),
        ...(converter?.sha256 && { converterChecksum: converter.sha256 }),
      },
      mode,
      clusterAccess,
      ...others,
      template: toCrd(flight),
    },
  };
}
