/**
 * One Airway at work: its spec, its flight, and the instances of its kind.
 *
 * The instances are watched from the moment their CRD serves them, whether or not the flight could be loaded, because
 * deleting an instance must never depend on a flight (contract §11, W15).
 */

import type { AirwaySpec } from "../airway/spec.ts";
import type { FlightModule } from "../flight/sandbox.ts";
import type { KubeObject, OwnerReference, ResourceType } from "../kube/object.ts";
import { compareResourceVersions } from "../kube/object.ts";
import type { Reflector, ReflectorHandler } from "../kube/reflector.ts";
import { digest } from "../release/fields.ts";
import { instanceKey } from "./keys.ts";

/** What changed about an instance. `input`: something its flight can see. */
export type InstanceChange = "added" | "input" | "deleting" | "gone";

interface Held {
  object: KubeObject;
  input: string;
}

export class ActiveAirway {
  readonly name: string;
  /** As served: storage version of the CRD. */
  readonly type: ResourceType;
  readonly owner: OwnerReference;
  spec: AirwaySpec | undefined;
  flight: FlightModule | undefined;
  readonly #instances = new Map<string, Held>();
  readonly #changed: (key: string, change: InstanceChange, object: KubeObject) => void;
  readonly reflector: Reflector;

  constructor(options: {
    name: string;
    uid: string;
    type: ResourceType;
    openReflector(handler: ReflectorHandler): Reflector;
    changed(key: string, change: InstanceChange, object: KubeObject): void;
  }) {
    this.name = options.name;
    this.type = options.type;
    this.owner = {
      apiVersion: "yoke.cd/v1alpha1",
      kind: "Airway",
      name: options.name,
      uid: options.uid,
      blockOwnerDeletion: true,
    };
    this.#changed = options.changed;
    this.reflector = options.openReflector({
      rewound: () => this.#rewind(),
      replace: objects => this.#replace(objects),
      upsert: object => this.#upsert(object),
      delete: object => this.#delete(this.keyOf(object)),
    });
  }

  keyOf(object: KubeObject): string {
    return instanceKey(this.name, object.metadata.namespace ?? "", object.metadata.name);
  }

  get(key: string): KubeObject | undefined {
    return this.#instances.get(key)?.object;
  }

  /** Digest of what the flight can see of the instance and does not write itself. */
  inputOf(key: string): string {
    return this.#instances.get(key)?.input ?? "";
  }

  keys(): string[] {
    return [...this.#instances.keys()];
  }

  /** Takes in the answer of a write of ours, so that the next run does not work on an older state. */
  observe(object: KubeObject): void {
    // The answer may come after the news that the instance is gone.
    if (this.get(this.keyOf(object))?.metadata.uid === object.metadata.uid) this.#upsert(object);
  }

  /** Every state that is told next is newer than what is known. */
  #rewind(): void {
    for (const held of this.#instances.values()) {
      const { resourceVersion: _, ...metadata } = held.object.metadata;
      held.object = { ...held.object, metadata };
    }
  }

  #replace(objects: KubeObject[]): void {
    const present = new Set(objects.map(object => this.keyOf(object)));
    for (const key of this.keys()) if (!present.has(key)) this.#delete(key);
    for (const object of objects) this.#upsert(object);
  }

  #upsert(object: KubeObject): void {
    const key = this.keyOf(object);
    const held = this.#instances.get(key);
    const { resourceVersion = "" } = object.metadata;
    if (
      held !== undefined &&
      compareResourceVersions(resourceVersion, held.object.metadata.resourceVersion ?? "") <= 0
    ) {
      return;
    }
    const { managedFields: _, ...metadata } = object.metadata;
    const slim: KubeObject = { ...object, metadata };
    const input = inputDigest(slim);
    this.#instances.set(key, { object: slim, input });
    const change = changeOf(held, slim, input);
    if (change !== undefined) this.#changed(key, change, slim);
  }

  #delete(key: string): void {
    const held = this.#instances.get(key);
    if (held === undefined) return;
    this.#instances.delete(key);
    this.#changed(key, "gone", held.object);
  }
}

function changeOf(held: Held | undefined, object: KubeObject, input: string): InstanceChange | undefined {
  const { uid, deletionTimestamp } = object.metadata;
  if (held?.object.metadata.uid !== uid) return "added";
  if (deletionTimestamp !== held?.object.metadata.deletionTimestamp) return "deleting";
  return held?.input === input ? undefined : "input";
}

/**
 * The controller's own bookkeeping (finalizers, owner references, status) is no input (contract §2.2). The generation
 * tells a spec that was changed and changed back from one that was left alone: between the two a run may have begun.
 */
function inputDigest(object: KubeObject): string {
  const { metadata, status: _, ...rest } = object;
  const { labels, annotations, uid, generation } = metadata;
  return digest(JSON.stringify([rest, labels, annotations, uid, generation]));
}
