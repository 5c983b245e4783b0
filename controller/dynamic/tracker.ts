/**
 * Keeps a live picture of exactly the objects that somebody depends on.
 *
 * Promises:
 * - Watch before read: `track` resolves only when the object's watch runs, so every later change arrives as an event.
 * - Exact and small: an object is watched by its name, many names together (see `Scope`); only its metadata travels
 *   where nobody needs more.
 * - Time never goes back: of two states of one object the one with the newer resourceVersion stays, unless the API
 *   server's own history went back.
 * - Own writes are known: a write that goes through `write` reaches the picture with its answer, and its watch event
 *   is no change any more.
 *
 * It does not know what the objects mean: `describe` reduces each to the facts that its dependents need, so that
 * 10,000 children do not stay in memory whole. Only objects tracked with `retain` keep their content.
 */

import type { ObjectList } from "../kube/client.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import { compareResourceVersions, withoutManagedFields } from "../kube/object.ts";
import type { Reflector } from "../kube/reflector.ts";
import { Entry, type Sighting, type Tracked, trackedKey } from "./entry.ts";
import { type ReflectorScope, Scope, type ScopeSink } from "./scope.ts";

export { refOfTrackedKey, type Tracked, trackedKey } from "./entry.ts";
export type { ReflectorScope } from "./scope.ts";

export interface TrackedChange<Facts> {
  readonly tracked: Tracked<Facts>;
  readonly before: Facts | undefined;
  readonly after: Facts | undefined;
  readonly change: "created" | "updated" | "deleted";
  /** Who wrote it, where the change came through `write`. */
  readonly origin: string | undefined;
}

export interface TrackerOptions<Facts> {
  openReflector(scope: ReflectorScope): Reflector;
  get(ref: ObjectRef, options: { metadataOnly: boolean }): Promise<KubeObject | undefined>;
  pages(type: ResourceType, options: { namespace: string; metadataOnly: boolean }): AsyncIterable<ObjectList>;
  describe(object: KubeObject): Facts;
  /** Whether `describe` of this kind reads more than metadata. Where this or `describe` changes, call `reconsider`. */
  needsWhole(type: ResourceType): boolean;
  changed(change: TrackedChange<Facts>): void;
  /** Number of names of one kind in one namespace from which one watch serves them all. Default 50. */
  wideFrom?: number;
}

export class Tracker<Facts> {
  readonly #options: TrackerOptions<Facts>;
  readonly #wideFrom: number;
  readonly #entries = new Map<string, Entry<Facts>>();
  readonly #scopes = new Map<string, Scope<Entry<Facts>>>();
  readonly #sink: ScopeSink<Entry<Facts>>;

  constructor(options: TrackerOptions<Facts>) {
    this.#options = options;
    this.#wideFrom = options.wideFrom ?? 50;
    this.#sink = {
      knows: (entry, from) => entry.resourceVersion !== "" && !(from.whole && entry.partial),
      sighted: (entry, sighting) => this.#sighted(entry, sighting),
      listed: (entry, present, resourceVersion, from) => this.#listed(entry, present, resourceVersion, from),
      unread: (entries, from) => void this.#read(entries, from),
      failed: (entry, error, from) => this.#failed(entry, error, from),
      // Every state that is told next is newer than what is known.
      rewound: entry => {
        entry.resourceVersion = "";
      },
    };
  }

  /** Makes sure that the object is watched and resolves with what is known of it once its watch runs. */
  async track(type: ResourceType, ref: ObjectRef, options: { retain: boolean }): Promise<Tracked<Facts>> {
    const whole = options.retain || this.#options.needsWhole(type);
    const entry = this.#entries.get(trackedKey(ref)) ?? this.#open(type, ref, whole);
    if (options.retain) entry.retain = true;
    if (whole) this.#widen(entry);
    await this.#readAgain(entry);
    await entry.settled;
    if (whole) await entry.widening?.done.promise;
    if (options.retain) await this.#fetchContent(entry);
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
    this.#leave(entry, entry.scope);
    if (entry.widening === undefined) return;
    entry.widening.done.resolve();
    this.#leave(entry, entry.widening.scope);
  }

  /**
   * What is tracked of these kinds is described anew, and goes over to watches of whole objects where it needs to, without
   * a gap. Until the API server has answered, the former facts stand.
   */
  reconsider(concerned: (type: ResourceType) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (!concerned(entry.type)) continue;
      entry.partial = true;
      for (const scope of [entry.scope, entry.widening?.scope]) if (scope?.whole) scope.relist(entry.ref.name);
      if (this.#options.needsWhole(entry.type)) this.#widen(entry);
    }
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
      this.#accept(entry, object, { whole: true, origin });
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

  get size(): number {
    return this.#entries.size;
  }

  async stop(): Promise<void> {
    const reflectors = this.#reflectors();
    this.#entries.clear();
    this.#scopes.clear();
    await Promise.all(reflectors.map(reflector => reflector.stop()));
  }

  #reflectors(): Reflector[] {
    return [...this.#scopes.values()].flatMap(scope => scope.reflectors());
  }

  #open(type: ResourceType, ref: ObjectRef, whole: boolean): Entry<Facts> {
    const scope = this.#scopeOf(type, ref.namespace, whole);
    const entry = new Entry<Facts>(trackedKey(ref), type, ref, scope);
    this.#entries.set(entry.key, entry);
    scope.add(entry);
    return entry;
  }

  /** Names of which only metadata is watched have watches of their own. */
  #scopeOf(type: ResourceType, namespace: string, whole: boolean): Scope<Entry<Facts>> {
    const key = scopeKey(type, namespace, whole);
    const present = this.#scopes.get(key);
    if (present !== undefined) return present;
    const { openReflector } = this.#options;
    const sink = this.#sink;
    const wideFrom = this.#wideFrom;
    const scope = new Scope<Entry<Facts>>({ type, namespace, metadataOnly: !whole, wideFrom, sink, openReflector });
    this.#scopes.set(key, scope);
    return scope;
  }

  #leave(entry: Entry<Facts>, scope: Scope<Entry<Facts>>): void {
    scope.remove(entry.ref.name);
    if (scope.size === 0) this.#scopes.delete(scopeKey(entry.type, entry.ref.namespace, scope.whole));
  }

  /** A watch of the whole object takes over from one of its metadata; until it has listed, both tell. */
  #widen(entry: Entry<Facts>): void {
    if (entry.scope.whole || entry.widening !== undefined) return;
    const scope = this.#scopeOf(entry.type, entry.ref.namespace, true);
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => undefined);
    entry.widening = { scope, done, failed: false };
    scope.add(entry);
  }

  #widened(entry: Entry<Facts>, from: Scope<Entry<Facts>>): void {
    const { widening } = entry;
    if (widening?.scope !== from) return;
    const former = entry.scope;
    entry.scope = from;
    entry.widening = undefined;
    this.#leave(entry, former);
    widening.done.resolve();
  }

  /** No watch repeats a read that failed; who needs its answer does. */
  async #readAgain(entry: Entry<Facts>): Promise<void> {
    const { widening } = entry;
    if (widening === undefined) {
      if (!entry.synced && entry.error !== undefined && entry.scope.isWide) await this.#read([entry], entry.scope);
    } else if (widening.failed && widening.scope.isWide) {
      const done = Promise.withResolvers<void>();
      done.promise.catch(() => undefined);
      entry.widening = { scope: widening.scope, done, failed: false };
      await this.#read([entry], widening.scope);
    }
  }

  /** What is known of the object may have come without its content. */
  async #fetchContent(entry: Entry<Facts>): Promise<void> {
    if (entry.facts === undefined || entry.object !== undefined) return;
    const object = await this.#options.get(entry.ref, { metadataOnly: false });
    if (object !== undefined) this.#accept(entry, object, { whole: true });
  }

  /** Entries whose events arrive already, so a read now cannot miss a later change. Many are read by one list. */
  async #read(entries: readonly Entry<Facts>[], from: Scope<Entry<Facts>>): Promise<void> {
    if (entries.length >= this.#wideFrom) return this.#readTogether(entries, from);
    await Promise.all(entries.map(entry => this.#readOne(entry, from)));
  }

  async #readOne(entry: Entry<Facts>, from: Scope<Entry<Facts>>): Promise<void> {
    const known = entry.resourceVersion;
    try {
      const object = await this.#options.get(entry.ref, { metadataOnly: !from.whole });
      if (object !== undefined) this.#sighted(entry, { deleted: false, object, whole: from.whole });
      else this.#missing(entry, known);
      entry.settle();
      this.#widened(entry, from);
    } catch (error) {
      this.#failed(entry, errorOf(error), from);
    }
  }

  async #readTogether(entries: readonly Entry<Facts>[], from: Scope<Entry<Facts>>): Promise<void> {
    const wanted = new Map(entries.map(entry => [entry.ref.name, entry]));
    const known = new Map(entries.map(entry => [entry, entry.resourceVersion]));
    const { whole, type, namespace } = from;
    try {
      for await (const { items } of this.#options.pages(type, { namespace, metadataOnly: !whole })) {
        for (const object of items) {
          const entry = wanted.get(object.metadata.name);
          if (entry === undefined) continue;
          known.delete(entry);
          this.#sighted(entry, { deleted: false, object, whole });
        }
      }
      for (const [entry, version] of known) this.#missing(entry, version);
      for (const entry of entries) {
        entry.settle();
        this.#widened(entry, from);
      }
    } catch (error) {
      for (const entry of entries) this.#failed(entry, errorOf(error), from);
    }
  }

  /**
   * A read did not find it. What was known when the read began is gone: the watch that told it may be late, and is left
   * where another one takes over.
   */
  #missing(entry: Entry<Facts>, known: string): void {
    if (this.#entries.get(entry.key) === entry && entry.resourceVersion === known) this.#remove(entry, known);
  }

  #listed(entry: Entry<Facts>, present: boolean, resourceVersion: string, from: Scope<Entry<Facts>>): void {
    // A list of a kind that is not served has no resourceVersion.
    const kindIsGone = resourceVersion === "";
    const recovered = !entry.synced && entry.error !== undefined;
    if (!present && entry.facts !== undefined && (kindIsGone || isNewer(resourceVersion, entry.resourceVersion))) {
      this.#remove(entry, resourceVersion);
    } else if (!present && recovered) {
      // Somebody was told "cannot be read"; now the answer is "does not exist".
      const { facts } = entry;
      this.#options.changed({ tracked: entry, before: facts, after: facts, change: "updated", origin: undefined });
    }
    entry.settle();
    this.#widened(entry, from);
  }

  #sighted(entry: Entry<Facts>, sighting: Sighting): void {
    // The answer to a read may come after nobody wants it any more.
    if (this.#entries.get(entry.key) !== entry) return;
    if (entry.writing > 0) {
      entry.held ??= [];
      entry.held.push(sighting);
      return;
    }
    const { deleted, object, whole } = sighting;
    if (!deleted) this.#accept(entry, object, { whole });
    else if (isNewer(object.metadata.resourceVersion ?? "", entry.resourceVersion)) {
      this.#remove(entry, object.metadata.resourceVersion ?? "");
    }
  }

  #release(entry: Entry<Facts>): void {
    const { held = [] } = entry;
    entry.held = undefined;
    for (const sighting of held) this.#sighted(entry, sighting);
  }

  #accept(entry: Entry<Facts>, object: KubeObject, { whole, origin }: { whole: boolean; origin?: string }): void {
    const resourceVersion = object.metadata.resourceVersion ?? "";
    if (entry.resourceVersion !== "" && !isNewer(resourceVersion, entry.resourceVersion)) {
      if (whole && resourceVersion === entry.resourceVersion) this.#fill(entry, object);
      return;
    }
    const before = entry.facts;
    const first = !entry.synced && before === undefined && entry.error === undefined;
    entry.facts = this.#options.describe(object);
    entry.resourceVersion = resourceVersion;
    entry.uid = object.metadata.uid ?? "";
    entry.partial = !whole;
    entry.object = entry.retain && whole ? withoutManagedFields(object) : undefined;
    // What the first look finds is an answer to `track`, not a change.
    if (first && origin === undefined) return;
    const change = before === undefined ? "created" : "updated";
    this.#options.changed({ tracked: entry, before, after: entry.facts, change, origin });
  }

  /** The very version that is known, now with its content. */
  #fill(entry: Entry<Facts>, object: KubeObject): void {
    const before = entry.facts;
    if (before === undefined) return;
    if (entry.retain) entry.object ??= withoutManagedFields(object);
    if (!entry.partial) return;
    entry.partial = false;
    entry.facts = this.#options.describe(object);
    if (JSON.stringify(before) === JSON.stringify(entry.facts)) return;
    this.#options.changed({ tracked: entry, before, after: entry.facts, change: "updated", origin: undefined });
  }

  #remove(entry: Entry<Facts>, resourceVersion: string): void {
    const before = entry.facts;
    entry.facts = undefined;
    entry.object = undefined;
    entry.partial = false;
    entry.uid = "";
    entry.resourceVersion = resourceVersion;
    if (before === undefined) return;
    this.#options.changed({ tracked: entry, before, after: undefined, change: "deleted", origin: undefined });
  }

  /** A watch that served already goes on from its last state; only its age tells (see `reflectors`). */
  #failed(entry: Entry<Facts>, error: Error, from: Scope<Entry<Facts>>): void {
    if (entry.widening?.scope === from) {
      entry.widening.failed = true;
      entry.widening.done.reject(error);
    } else if (!entry.synced) entry.settle(error);
  }
}

function scopeKey(type: ResourceType, namespace: string, whole: boolean): string {
  return `${type.apiVersion}|${type.kind}|${namespace}|${whole ? "whole" : "metadata"}`;
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function isNewer(candidate: string, known: string): boolean {
  return known === "" || compareResourceVersions(candidate, known) > 0;
}
