/**
 * One Airway at work: its spec, its flight, and the instances of its kind.
 *
 * The instances are watched from the moment their CRD serves them, whether or not the flight could be loaded, because
 * deleting an instance must never depend on a flight (contract §11, W15).
 */

import type { AirwaySpec } from "../airway/spec.ts";
import type { FlightModule } from "../flight/sandbox.ts";
import type { OwnerReference } from "../kube/object.ts";
import type { OwnerStore } from "./ownerStore.ts";

export interface ActiveAirway {
  readonly name: string;
  /** What instances refer to. */
  readonly reference: OwnerReference;
  readonly instances: OwnerStore;
  /** Of what serves; before anything does, of the Airway as it is. */
  serviceAccountName: string | undefined;
  /** undefined until a flight could be loaded. */
  serving: Serving | undefined;
}

export interface Serving {
  readonly spec: AirwaySpec;
  readonly flight: FlightModule;
  readonly converter: FlightModule | undefined;
}

export function airwayReference(name: string, uid: string): OwnerReference {
  return { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name, uid, blockOwnerDeletion: true };
}
