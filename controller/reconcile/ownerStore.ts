/**
 * The live objects of one kind that own releases, as its watch and the answers to our own writes tell them, and what
 * of each is an input of its render.
 */

import { compareResourceVersions, type KubeObject, type ResourceType, withoutManagedFields } from "../kube/object.ts";
import { nameKey, type Reflector, type ReflectorHandler } from "../kube/reflector.ts";
import { digest } from "../release/fields.ts";

/** What changed about an owner. `input`: something its flight can see; `record`: what a controller wrote into its status. */
export type OwnerChange = "added" | "input" | "record" | "deleting" | "gone";

type Told = (key: string, change: OwnerChange, object: KubeObject) => void;

interface Held {
  object: KubeObject;
  input: string;
}

export class OwnerStore {
  /** As served: the storage version. */
  readonly type: ResourceType;
  readonly reflector: Reflector;
  readonly #held = new Map<string, Held>();
  readonly #keyOf: (object: KubeObject) => string;
  readonly #changed: Told;
  /**
   * Not told yet, because the first list is not complete: who hears of all owners at once asks for their children at
   * once, which few wide watches serve.
   */
  #untold: Parameters<Told>[] | undefined = [];

  constructor(options: {
    type: ResourceType;
    keyOf(object: KubeObject): string;
    openReflector(handler: ReflectorHandler): Reflector;
    changed: Told;
  }) {
    this.type = options.type;
    this.#keyOf = options.keyOf;
    this.#changed = (...change) => {
      if (this.#untold === undefined) options.changed(...change);
      else this.#untold.push(change);
    };
    this.reflector = options.openReflector({
      rewound: () => this.#rewind(),
      listed: present => this.#listed(present),
      upsert: object => this.#upsert(object),
      delete: object => this.#delete(this.#keyOf(object)),
    });
  }

  get(key: string): KubeObject | undefined {
    return this.#held.get(key)?.object;
  }

  /** Digest of what the flight can see of the owner and does not write itself. */
  inputOf(key: string): string {
    return this.#held.get(key)?.input ?? "";
  }

  /** Those that were told. */
  keys(): string[] {
    return this.#untold === undefined ? [...this.#held.keys()] : [];
  }

  /** Takes in the answer of a write of ours, so that the next run does not work on an older state. */
  observe(object: KubeObject): void {
    // The answer may come after the news that the owner is gone.
    if (this.get(this.#keyOf(object))?.metadata.uid === object.metadata.uid) this.#upsert(object, { own: true });
  }

  /**
   * Takes in what a list says that is newer than what the watch has told so far. The list is complete, so nothing waits
   * for the watch's first one: who works on these owners by then must not be told that they are new.
   */
  refresh(objects: readonly KubeObject[]): void {
    for (const object of objects) this.#upsert(object);
    this.#tell();
  }

  /** Every state that is told next is newer than what is known. */
  #rewind(): void {
    for (const held of this.#held.values()) {
      const { resourceVersion: _, ...metadata } = held.object.metadata;
      held.object = { ...held.object, metadata };
    }
  }

  #listed(present: ReadonlySet<string>): void {
    for (const [key, { object }] of this.#held) if (!present.has(nameKey(object.metadata))) this.#delete(key);
    this.#tell();
  }

  #tell(): void {
    const untold = this.#untold ?? [];
    this.#untold = undefined;
    for (const change of untold) this.#changed(...change);
  }

  #upsert(object: KubeObject, { own = false } = {}): void {
    const key = this.#keyOf(object);
    const held = this.#held.get(key);
    const { resourceVersion = "" } = object.metadata;
    if (
      held !== undefined &&
      compareResourceVersions(resourceVersion, held.object.metadata.resourceVersion ?? "") <= 0
    ) {
      return;
    }
    const slim = withoutManagedFields(object);
    const input = inputDigest(slim);
    this.#held.set(key, { object: slim, input });
    const change = changeOf(held, slim, input);
    if (change !== undefined && !(own && change === "record")) this.#changed(key, change, slim);
  }

  #delete(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#changed(key, "gone", held.object);
  }
}

function changeOf(held: Held | undefined, object: KubeObject, input: string): OwnerChange | undefined {
  const { uid, deletionTimestamp } = object.metadata;
  if (held?.object.metadata.uid !== uid) return "added";
  if (deletionTimestamp !== held?.object.metadata.deletionTimestamp) return "deleting";
  if (held?.input !== input) return "input";
  return writtenText(held.object) === writtenText(object) ? undefined : "record";
}

function writtenText(object: KubeObject): string {
  const { atc, conditions = [] } = (object["status"] ?? {}) as { atc?: unknown; conditions?: { type?: unknown }[] };
  return JSON.stringify([atc, conditions.find(({ type }) => type === "Ready")]);
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
