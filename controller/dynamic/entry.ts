/** What the tracker holds of one object. */

import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import type { Scope } from "./scope.ts";

/** What is known of one tracked object. `facts` is undefined while the object does not exist. */
export interface Tracked<Facts> {
  readonly key: string;
  readonly type: ResourceType;
  readonly ref: ObjectRef;
  readonly facts: Facts | undefined;
  /** Of the last change that was seen; empty when the object was never seen. */
  readonly resourceVersion: string;
  /** Empty while the object does not exist. */
  readonly uid: string;
  /** The whole object without managedFields, where somebody asked to retain it. */
  readonly object: KubeObject | undefined;
  /** Why the object cannot be watched now, for example a missing right. The watch goes on trying. */
  readonly error: Error | undefined;
}

/** A state that a watch told. `whole`: with more than its metadata. */
export interface Sighting {
  readonly deleted: boolean;
  readonly object: KubeObject;
  readonly whole: boolean;
}

interface Widening<Facts> {
  readonly scope: Scope<Entry<Facts>>;
  readonly done: PromiseWithResolvers<void>;
  /** The last attempt did. */
  failed: boolean;
}

export class Entry<Facts> implements Tracked<Facts> {
  readonly key: string;
  readonly type: ResourceType;
  readonly ref: ObjectRef;
  /** Whose watch tells of it. While another one takes over, both do. */
  scope: Scope<Entry<Facts>>;
  facts: Facts | undefined = undefined;
  resourceVersion = "";
  uid = "";
  object: KubeObject | undefined = undefined;
  error: Error | undefined = undefined;
  retain = false;
  /** The facts are from metadata alone, or described by rules that hold no more. */
  partial = false;
  synced = false;
  /** The take-over by a watch of whole objects, which `scope` is not yet. */
  widening: Widening<Facts> | undefined = undefined;
  /** Writes of ours under way; events are held until their answers tell which event is our own. */
  writing = 0;
  held: Sighting[] | undefined = undefined;
  /** Only until then: there are many entries, and few that somebody waits for. */
  #settled: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();

  constructor(key: string, type: ResourceType, ref: ObjectRef, scope: Scope<Entry<Facts>>) {
    this.key = key;
    this.type = type;
    this.ref = ref;
    this.scope = scope;
  }

  /** Resolves when the state is known, or when it is known that it cannot be had now (`error`). */
  get settled(): Promise<void> | undefined {
    return this.#settled?.promise;
  }

  settle(error?: Error): void {
    if (error === undefined) this.synced = true;
    this.error = error;
    this.#settled?.resolve();
    this.#settled = undefined;
  }
}

export function trackedKey(ref: ObjectRef): string {
  return `${ref.apiVersion}|${ref.kind}|${ref.namespace}|${ref.name}`;
}

/** The inverse of `trackedKey`: none of the four parts can contain a `|`. */
export function refOfTrackedKey(key: string): ObjectRef {
  const [apiVersion = "", kind = "", namespace = "", name = ""] = key.split("|");
  return { apiVersion, kind, namespace, name };
}
