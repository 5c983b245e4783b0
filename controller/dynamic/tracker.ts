/**
 * Keeps a live picture of exactly the objects that somebody depends on.
 *
 * Promises:
 * - Watch before read: `track` resolves only when the object's watch runs, so every later change arrives as an event.
 * - Exact: an object is watched by its name. From `wideFrom` names of one kind in one namespace on, one watch of that
 *   kind and namespace takes over without a gap; objects nobody tracks are dropped as they arrive. Where the wider
 *   watch is forbidden, the exact ones stay.
 * - Time never goes back: of two states of one object the one with the newer resourceVersion stays, unless the API
 *   server's own history went back.
 * - Own writes are known: a write that goes through `write` reaches the picture with its answer, and its watch event
 *   is no change any more.
 *
 * It does not know what the objects mean: `describe` reduces each to the facts that its dependents need, so that
 * 10,000 children do not stay in memory whole. Only objects tracked with `retain` keep their content.
 */

import { isKubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import { compareResourceVersions } from "../kube/object.ts";
import type { Reflector, ReflectorHandler } from "../kube/reflector.ts";

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

export interface TrackedChange<Facts> {
  readonly tracked: Tracked<Facts>;
  readonly before: Facts | undefined;
  readonly after: Facts | undefined;
  readonly change: "created" | "updated" | "deleted";
  /** Who wrote it, where the change came through `write`. */
  readonly origin: string | undefined;
}

export interface ReflectorScope {
  readonly type: ResourceType;
  readonly namespace: string;
  /** Set for an exact watch. */
  readonly name?: string;
  readonly handler: ReflectorHandler;
}

export interface TrackerOptions<Facts> {
  openReflector(scope: ReflectorScope): Reflector;
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  describe(object: KubeObject): Facts;
  changed(change: TrackedChange<Facts>): void;
  /** Number of names of one kind in one namespace from which one watch serves them all. Default 50. */
  wideFrom?: number;
}

type HeldEvent = { readonly deleted: boolean; readonly object: KubeObject };

class Entry<Facts> implements Tracked<Facts> {
  readonly key: string;
  readonly type: ResourceType;
  readonly ref: ObjectRef;
  facts: Facts | undefined = undefined;
  resourceVersion = "";
  uid = "";
  object: KubeObject | undefined = undefined;
  error: Error | undefined = undefined;
  retain = false;
  /** The read that fetches the content of an object which was tracked without it so far. */
  retaining: Promise<void> | undefined = undefined;
  synced = false;
  /** Writes of ours under way; events are held until their answers tell which event is our own. */
  writing = 0;
  held: HeldEvent[] = [];
  reflector: Reflector | undefined = undefined;
  readonly #settled = Promise.withResolvers<void>();

  constructor(key: string, type: ResourceType, ref: ObjectRef) {
    this.key = key;
    this.type = type;
    this.ref = ref;
  }

  /** Resolves when the state is known, or when it is known that it cannot be had now (`error`). */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  settle(error?: Error): void {
    if (error === undefined) this.synced = true;
    this.error = error;
    this.#settled.resolve();
  }
}

interface Bucket<Facts> {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly entries: Map<string, Entry<Facts>>;
  /** Entries whose watch has not been opened yet. */
  opening: Entry<Facts>[];
  wide: Reflector | undefined;
  wideSynced: boolean;
  wideForbidden: boolean;
  /** How often in a row the wide watch was forbidden after it had listed. */
  refusals: number;
}

/** A binding that is replaced is missing for a moment; that is no reason to open thousands of watches. */
const mostRefusals = 3;

export function trackedKey(ref: ObjectRef): string {
  return `${ref.apiVersion}|${ref.kind}|${ref.namespace}|${ref.name}`;
}

/** The inverse of `trackedKey`: none of the four parts can contain a `|`. */
export function refOfTrackedKey(key: string): ObjectRef {
  const [apiVersion = "", kind = "", namespace = "", name = ""] = key.split("|");
  return { apiVersion, kind, namespace, name };
}

export class Tracker<Facts> {
  readonly #options: TrackerOptions<Facts>;
  readonly #wideFrom: number;
  readonly #entries = new Map<string, Entry<Facts>>();
  readonly #buckets = new Map<string, Bucket<Facts>>();

  constructor(options: TrackerOptions<Facts>) {
    this.#options = options;
    this.#wideFrom = options.wideFrom ?? 50;
  }

  /** Makes sure that the object is watched and resolves with what is known of it once its watch runs. */
  async track(type: ResourceType, ref: ObjectRef, options: { retain: boolean }): Promise<Tracked<Facts>> {
    const entry = this.#entries.get(trackedKey(ref)) ?? this.#open(type, ref);
    if (options.retain && !entry.retain) entry.retaining = this.#retain(entry);
    await entry.retaining;
    await entry.settled;
    return entry;
  }

  get(key: string): Tracked<Facts> | undefined {
    return this.#entries.get(key);
  }

  /** Stops watching an object that nobody depends on any more. */
  untrack(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.settle(entry.error);
    void entry.reflector?.stop();
    const bucketKey = this.#bucketKey(entry.type, entry.ref.namespace);
    const bucket = this.#buckets.get(bucketKey);
    bucket?.entries.delete(entry.ref.name);
    if (bucket?.entries.size !== 0) return;
    void bucket.wide?.stop();
    this.#buckets.delete(bucketKey);
  }

  /**
   * Carries out a write of ours. Events of the object are held until the answer is known, so that the write's own event
   * is recognised by its resourceVersion whichever of the two arrives first.
   */
  async write(key: string, origin: string, action: () => Promise<KubeObject>): Promise<KubeObject> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return action();
    entry.writing += 1;
    try {
      const object = await action();
      this.#accept(entry, object, origin);
      return object;
    } finally {
      entry.writing -= 1;
      if (entry.writing === 0) this.#release(entry);
    }
  }

  /**
   * The watches for age metrics and readiness: all but those that the API server refuses, whose dependents were told.
   * What one flight may not look up is no trouble of the controller.
   */
  reflectors(): Reflector[] {
    return this.#reflectors().filter(reflector => !reflector.state().refused);
  }

  #reflectors(): Reflector[] {
    const exact = [...this.#entries.values()].map(entry => entry.reflector);
    const wide = [...this.#buckets.values()].map(bucket => bucket.wide);
    return [...exact, ...wide].filter(reflector => reflector !== undefined);
  }

  get size(): number {
    return this.#entries.size;
  }

  async stop(): Promise<void> {
    const reflectors = this.#reflectors();
    this.#entries.clear();
    this.#buckets.clear();
    await Promise.all(reflectors.map(reflector => reflector.stop()));
  }

  #bucketKey(type: ResourceType, namespace: string): string {
    return `${type.apiVersion}|${type.kind}|${namespace}`;
  }

  #open(type: ResourceType, ref: ObjectRef): Entry<Facts> {
    const entry = new Entry<Facts>(trackedKey(ref), type, ref);
    this.#entries.set(entry.key, entry);
    const bucketKey = this.#bucketKey(type, ref.namespace);
    const bucket = this.#buckets.get(bucketKey) ?? {
      type,
      namespace: ref.namespace,
      entries: new Map<string, Entry<Facts>>(),
      opening: [],
      wide: undefined,
      wideSynced: false,
      wideForbidden: false,
      refusals: 0,
    };
    this.#buckets.set(bucketKey, bucket);
    bucket.entries.set(ref.name, entry);
    // Opened together a moment later: a start with 10,000 names must not begin with exact watches.
    if (bucket.opening.push(entry) === 1) setImmediate(() => this.#openPending(bucket));
    return entry;
  }

  #openPending(bucket: Bucket<Facts>): void {
    const opening = bucket.opening.filter(entry => this.#entries.get(entry.key) === entry);
    bucket.opening = [];
    if (bucket.wide === undefined) {
      if (bucket.wideForbidden || bucket.entries.size < this.#wideFrom) this.#openExact(opening);
      else this.#openWide(bucket);
    } else if (bucket.wideSynced) {
      for (const entry of opening) void this.#readUnderWideWatch(entry);
    }
  }

  #openExact(entries: Entry<Facts>[]): void {
    for (const entry of entries) {
      entry.reflector = this.#options.openReflector({
        type: entry.type,
        namespace: entry.ref.namespace,
        name: entry.ref.name,
        handler: {
          rewound: () => rewind(entry),
          replace: (objects, resourceVersion) => this.#listed(entry, objects[0], resourceVersion),
          upsert: object => this.#event(entry, { deleted: false, object }),
          delete: object => this.#event(entry, { deleted: true, object }),
          failed: error => this.#failed(entry, error),
        },
      });
      entry.reflector.start();
    }
  }

  #openWide(bucket: Bucket<Facts>): void {
    const wide = this.#options.openReflector({
      type: bucket.type,
      namespace: bucket.namespace,
      handler: {
        rewound: () => bucket.entries.forEach(rewind),
        replace: (objects, resourceVersion) => this.#wideListed(bucket, objects, resourceVersion),
        progress: () => {
          bucket.refusals = 0;
        },
        upsert: object => this.#wideEvent(bucket, { deleted: false, object }),
        delete: object => this.#wideEvent(bucket, { deleted: true, object }),
        failed: error => this.#wideFailed(bucket, error),
      },
    });
    bucket.wide = wide;
    wide.start();
  }

  #wideListed(bucket: Bucket<Facts>, objects: KubeObject[], resourceVersion: string): void {
    bucket.wideSynced = true;
    bucket.refusals = 0;
    const byName = new Map(objects.map(object => [object.metadata.name, object]));
    for (const entry of bucket.entries.values()) {
      this.#listed(entry, byName.get(entry.ref.name), resourceVersion);
      // The hand-over: from this list on the wide watch tells everything that the exact one told.
      void entry.reflector?.stop();
      entry.reflector = undefined;
    }
  }

  #wideEvent(bucket: Bucket<Facts>, event: HeldEvent): void {
    bucket.refusals = 0;
    const entry = bucket.entries.get(event.object.metadata.name);
    if (entry !== undefined) this.#event(entry, event);
  }

  /** Until the wide watch has listed, exact watches serve; where it may not list, or not any more, they stay. */
  #wideFailed(bucket: Bucket<Facts>, error: Error): void {
    const forbidden = isKubeError(error, "KUBE_FORBIDDEN") && (!bucket.wideSynced || ++bucket.refusals >= mostRefusals);
    if (!forbidden) {
      for (const entry of bucket.entries.values()) if (entry.reflector === undefined) this.#failed(entry, error);
      return;
    }
    void bucket.wide?.stop();
    bucket.wide = undefined;
    bucket.wideSynced = false;
    bucket.wideForbidden = true;
    this.#openExact([...bucket.entries.values()].filter(entry => entry.reflector === undefined));
  }

  /**
   * A name that is new under a running wide watch: its events arrive since it is in the bucket, so a read now cannot
   * miss a later change.
   */
  async #readUnderWideWatch(entry: Entry<Facts>): Promise<void> {
    try {
      const object = await this.#options.get(entry.ref);
      if (object !== undefined) this.#accept(entry, object, undefined);
      entry.settle();
    } catch (error) {
      this.#failed(entry, error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #retain(entry: Entry<Facts>): Promise<void> {
    entry.retain = true;
    if (!entry.synced || entry.facts === undefined) return;
    const object = await this.#options.get(entry.ref).catch((error: unknown) => {
      // The next one who wants the content asks again.
      entry.retain = false;
      entry.retaining = undefined;
      throw error;
    });
    if (object === undefined) return;
    // The facts may be of this very version already; then only the content is missing.
    if (object.metadata.resourceVersion === entry.resourceVersion) entry.object = withoutManagedFields(object);
    else this.#accept(entry, object, undefined);
  }

  #listed(entry: Entry<Facts>, object: KubeObject | undefined, resourceVersion: string): void {
    // A list of a kind that is not served has no resourceVersion.
    const kindIsGone = resourceVersion === "";
    const recovered = !entry.synced && entry.error !== undefined;
    if (object !== undefined) this.#event(entry, { deleted: false, object });
    else if (entry.facts !== undefined && (kindIsGone || isNewer(resourceVersion, entry.resourceVersion))) {
      this.#remove(entry, resourceVersion);
    } else if (recovered) {
      // Somebody was told "cannot be read"; now the answer is "does not exist".
      const { facts } = entry;
      this.#options.changed({ tracked: entry, before: facts, after: facts, change: "updated", origin: undefined });
    }
    entry.settle();
  }

  #event(entry: Entry<Facts>, event: HeldEvent): void {
    if (entry.writing > 0) {
      entry.held.push(event);
      return;
    }
    if (!event.deleted) this.#accept(entry, event.object, undefined);
    else if (isNewer(event.object.metadata.resourceVersion ?? "", entry.resourceVersion)) {
      this.#remove(entry, event.object.metadata.resourceVersion ?? "");
    }
  }

  #release(entry: Entry<Facts>): void {
    const held = entry.held;
    entry.held = [];
    for (const event of held) this.#event(entry, event);
  }

  #accept(entry: Entry<Facts>, object: KubeObject, origin: string | undefined): void {
    const resourceVersion = object.metadata.resourceVersion ?? "";
    if (entry.resourceVersion !== "" && !isNewer(resourceVersion, entry.resourceVersion)) return;
    const before = entry.facts;
    const first = !entry.synced && before === undefined && entry.error === undefined;
    entry.facts = this.#options.describe(object);
    entry.resourceVersion = resourceVersion;
    entry.uid = object.metadata.uid ?? "";
    entry.object = entry.retain ? withoutManagedFields(object) : undefined;
    // What the first look finds is an answer to `track`, not a change.
    if (first && origin === undefined) return;
    const change = before === undefined ? "created" : "updated";
    this.#options.changed({ tracked: entry, before, after: entry.facts, change, origin });
  }

  #remove(entry: Entry<Facts>, resourceVersion: string): void {
    const before = entry.facts;
    entry.facts = undefined;
    entry.object = undefined;
    entry.uid = "";
    entry.resourceVersion = resourceVersion;
    if (before === undefined) return;
    this.#options.changed({ tracked: entry, before, after: undefined, change: "deleted", origin: undefined });
  }

  /** A watch that served already goes on from its last state; only its age tells (see `reflectors`). */
  #failed(entry: Entry<Facts>, error: Error): void {
    if (!entry.synced) entry.settle(error);
  }
}

/** Every state that is told next is newer than what is known. */
function rewind(entry: Entry<unknown>): void {
  entry.resourceVersion = "";
}

function isNewer(candidate: string, known: string): boolean {
  return known === "" || compareResourceVersions(candidate, known) > 0;
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
