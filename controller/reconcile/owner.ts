/**
 * An object that owns a release. The loop (`release.ts`) is the same for all; what differs between an instance
 * (`instance.ts`) and a Flight is here.
 */

import type { Mode } from "../airway/spec.ts";
import type { KubeObject, ObjectRef, OwnerReference, ResourceType } from "../kube/object.ts";
import type { ReleaseRecord } from "../release/record.ts";
import type { Access } from "./context.ts";
import type { Prune, ReleaseName, ReleaseSpec } from "./releaseSpec.ts";

/** Keeps an owner until its release is removed. */
export const releaseFinalizer = "yoke.cd/mayday.flight";

export interface Owner {
  /** Of the queue and the dependency index. */
  readonly key: string;
  readonly type: ResourceType;
  readonly name: ReleaseName;
  /** For metrics and logs: the Airway's name, or the kind of a Flight. */
  readonly airway: string;
  /** With whose rights the release is rendered and applied. Its status and finalizer are always the controller's. */
  readonly access: Access;
  /** What the object itself has to refer to, so that it goes with it. */
  readonly reference: OwnerReference | undefined;
  /** The newest state that is known; undefined when it is gone. */
  object(): KubeObject | undefined;
  /** See `OwnerStore.inputOf`. */
  input(): string;
  /** Takes in the answer to a write of ours. */
  observe(object: KubeObject): void;
  /** The effective mode, as far as it is known without loading anything. */
  mode(): Mode | undefined;
  /** How the given state is rendered. undefined: there is no flight yet, and an event will tell when there is. */
  spec(object: KubeObject): Promise<ReleaseSpec | undefined>;
  /** For the end, which must not depend on a flight. */
  prune(object: KubeObject): Prune;
  /** What its status holds beside conditions and record. */
  fields(record: ReleaseRecord): Readonly<Record<string, unknown>>;
}

export function refOfOwner({ type }: Pick<Owner, "type">, object: KubeObject): ObjectRef {
  const { name, namespace = "" } = object.metadata;
  return { apiVersion: type.apiVersion, kind: type.kind, namespace, name };
}

/** Not another object of the same name. */
export function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid;
}
