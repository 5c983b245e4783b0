/**
 * The watches of the tracked names of one kind in one namespace.
 *
 * A name is watched by itself (`fieldSelector=metadata.name=…`). From `wideFrom` names on, one watch of the whole
 * namespace takes over without a gap: the exact ones stay until it has listed. Objects that nobody tracks are dropped as
 * they arrive. Where the wide watch is forbidden, the exact ones stay.
 */

import { isKubeError } from "../kube/errors.ts";
import type { ObjectRef, ResourceType } from "../kube/object.ts";
import { nameKey, type Reflector, type ReflectorHandler } from "../kube/reflector.ts";
import type { Sighting } from "./entry.ts";

export interface ReflectorScope {
  readonly type: ResourceType;
  readonly namespace: string;
  /** Set for an exact watch. */
  readonly name?: string;
  readonly metadataOnly: boolean;
  readonly handler: ReflectorHandler;
}

interface Named {
  readonly ref: ObjectRef;
}

/** Who is told. `from` tells the watches apart while one takes over from another. */
export interface ScopeSink<E extends Named> {
  /** Whether a state of it was told that answers for this scope: it may have come while nobody tracked the name. */
  knows(entry: E, from: Scope<E>): boolean;
  sighted(entry: E, sighting: Sighting): void;
  /** Everything up to this resourceVersion was told; `present`: whether the object is there. */
  listed(entry: E, present: boolean, resourceVersion: string, from: Scope<E>): void;
  /** Their events arrive, but their present state is not told by any list to come: it is to be read. */
  unread(entries: readonly E[], from: Scope<E>): void;
  failed(entry: E, error: Error, from: Scope<E>): void;
  rewound(entry: E): void;
}

export interface ScopeOptions<E extends Named> {
  readonly type: ResourceType;
  readonly namespace: string;
  /** Only metadata is watched. */
  readonly metadataOnly: boolean;
  readonly wideFrom: number;
  readonly sink: ScopeSink<E>;
  openReflector(scope: ReflectorScope): Reflector;
}

/** A binding that is replaced is missing for a moment; that is no reason to open thousands of watches. */
const mostRefusals = 3;

export class Scope<E extends Named> {
  readonly #options: ScopeOptions<E>;
  readonly #entries = new Map<string, E>();
  readonly #exact = new Map<string, Reflector>();
  /** Entries whose watch has not been opened yet. */
  #opening: E[] = [];
  #wide: Reflector | undefined;
  #wideSynced = false;
  #wideForbidden = false;
  /** How often in a row the wide watch was forbidden after it had listed. */
  #refusals = 0;

  constructor(options: ScopeOptions<E>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get type(): ResourceType {
    return this.#options.type;
  }

  get namespace(): string {
    return this.#options.namespace;
  }

  /** Whether whole objects are watched. */
  get whole(): boolean {
    return !this.#options.metadataOnly;
  }

  /** Whether one watch serves all names, and has listed: what is new is read by itself. */
  get isWide(): boolean {
    return this.#wideSynced;
  }

  add(entry: E): void {
    this.#entries.set(entry.ref.name, entry);
    // Opened together a moment later: a start with 10,000 names must not begin with exact watches.
    if (this.#opening.push(entry) === 1) setImmediate(() => this.#openPending());
  }

  /** No call of the sink about it follows. Without entries nothing is watched. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#closeExact(name);
    if (this.#entries.size > 0) return;
    void this.#wide?.stop();
    this.#wide = undefined;
    this.#wideSynced = false;
  }

  /** Has the name told again, with its neighbours where one watch serves them all. */
  relist(name: string): void {
    (this.#exact.get(name) ?? this.#wide)?.relist();
  }

  reflectors(): Reflector[] {
    return [...this.#exact.values(), ...(this.#wide === undefined ? [] : [this.#wide])];
  }

  #openPending(): void {
    const opening = this.#opening.filter(entry => this.#entries.get(entry.ref.name) === entry);
    this.#opening = [];
    if (opening.length === 0) return;
    if (this.#wide !== undefined) {
      // While it lists, the end of the list will tell.
      if (this.#wideSynced) this.#options.sink.unread(opening, this);
    } else if (this.#wideForbidden || this.#entries.size < this.#options.wideFrom) this.#openExact(opening);
    else this.#openWide();
  }

  #openExact(entries: Iterable<E>): void {
    const { sink, openReflector } = this.#options;
    for (const entry of entries) {
      const { name } = entry.ref;
      // One that was to be opened in a moment when the wide watch was given up.
      if (this.#exact.has(name)) continue;
      const reflector = openReflector({
        ...this.#watched(),
        name,
        handler: {
          rewound: () => sink.rewound(entry),
          upsert: object => sink.sighted(entry, { deleted: false, object, whole: this.whole }),
          delete: object => sink.sighted(entry, { deleted: true, object, whole: this.whole }),
          listed: (present, resourceVersion) => sink.listed(entry, present.size > 0, resourceVersion, this),
          failed: error => sink.failed(entry, error, this),
        },
      });
      this.#exact.set(name, reflector);
      reflector.start();
    }
  }

  #openWide(): void {
    const { sink, openReflector } = this.#options;
    const sighted = (sighting: Sighting): void => {
      this.#refusals = 0;
      const entry = this.#entries.get(sighting.object.metadata.name);
      if (entry !== undefined) sink.sighted(entry, sighting);
    };
    this.#wide = openReflector({
      ...this.#watched(),
      handler: {
        rewound: () => {
          for (const entry of this.#entries.values()) sink.rewound(entry);
        },
        upsert: object => sighted({ deleted: false, object, whole: this.whole }),
        delete: object => sighted({ deleted: true, object, whole: this.whole }),
        listed: (present, resourceVersion) => this.#wideListed(present, resourceVersion),
        progress: () => {
          this.#refusals = 0;
        },
        failed: error => this.#wideFailed(error),
      },
    });
    this.#wide.start();
  }

  #wideListed(present: ReadonlySet<string>, resourceVersion: string): void {
    const { sink, namespace } = this.#options;
    this.#wideSynced = true;
    this.#refusals = 0;
    const unread: E[] = [];
    for (const entry of [...this.#entries.values()]) {
      // The hand-over: from this list on the wide watch tells everything that the exact one told.
      this.#closeExact(entry.ref.name);
      const isPresent = present.has(nameKey({ namespace, name: entry.ref.name }));
      // It was asked for after its page had come, and was dropped.
      if (isPresent && !sink.knows(entry, this)) unread.push(entry);
      else sink.listed(entry, isPresent, resourceVersion, this);
    }
    if (unread.length > 0) sink.unread(unread, this);
  }

  /** Until the wide watch has listed, exact watches serve; where it may not list, or not any more, they stay. */
  #wideFailed(error: Error): void {
    const { sink } = this.#options;
    const forbidden = isKubeError(error, "KUBE_FORBIDDEN") && (!this.#wideSynced || ++this.#refusals >= mostRefusals);
    const unserved = [...this.#entries.values()].filter(entry => !this.#exact.has(entry.ref.name));
    if (!forbidden) {
      for (const entry of unserved) sink.failed(entry, error, this);
      return;
    }
    void this.#wide?.stop();
    this.#wide = undefined;
    this.#wideSynced = false;
    this.#wideForbidden = true;
    this.#openExact(unserved);
  }

  #closeExact(name: string): void {
    void this.#exact.get(name)?.stop();
    this.#exact.delete(name);
  }

  #watched(): Pick<ReflectorScope, "type" | "namespace" | "metadataOnly"> {
    const { type, namespace, metadataOnly } = this.#options;
    return { type, namespace, metadataOnly };
  }
}
