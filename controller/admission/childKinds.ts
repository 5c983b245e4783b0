/** Which kinds the releases consist of, counted, so that `atc-resources` asks for these and no others. */
import { type ObjectRef, parseApiVersion } from "../kube/object.ts";
import type { ChildKinds } from "./configurations.ts";

interface Release {
  readonly isStatic: boolean;
  readonly objects: readonly ObjectRef[];
}

export class KindBook {
  readonly #releases = new Map<string, Release>();
  /** How many objects of releases in static mode, and of others, there are of a kind. */
  readonly #guarded = new Counter();
  readonly #others = new Counter();
  readonly #namespaces = new Counter();
  readonly #changed: () => void;

  /** @param changed what `kinds` and `namespaces` say is another than before */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** `release` undefined: it is gone. */
  set(key: string, release: Release | undefined): void {
    const former = this.#releases.get(key);
    if (former?.objects === release?.objects && former?.isStatic === release?.isStatic) return;
    const added = release === undefined ? false : this.#count(release, 1);
    const removed = former === undefined ? false : this.#count(former, -1);
    if (release === undefined) this.#releases.delete(key);
    else this.#releases.set(key, release);
    if (added || removed) this.#changed();
  }

  /** Kinds as `<apiVersion>|<kind>`; those of static releases are not repeated among the others. */
  kinds(): { guarded: string[]; others: string[]; namespaces: string[] } {
    const guarded = this.#guarded.keys();
    const others = this.#others.keys().filter(kind => !guarded.includes(kind));
    return { guarded, others, namespaces: this.#namespaces.keys() };
  }

  /** Whether a kind came or went. */
  #count({ isStatic, objects }: Release, by: 1 | -1): boolean {
    let news = false;
    for (const { apiVersion, kind, namespace } of objects) {
      const kinds = isStatic ? this.#guarded : this.#others;
      if (kinds.add(`${apiVersion}|${kind}`, by)) news = true;
      if (isStatic && namespace !== "" && this.#namespaces.add(namespace, by)) news = true;
    }
    return news;
  }
}

class Counter {
  readonly #counts = new Map<string, number>();

  /** Whether the key came or went. */
  add(key: string, by: number): boolean {
    const before = this.#counts.get(key) ?? 0;
    if (before + by === 0) this.#counts.delete(key);
    else this.#counts.set(key, before + by);
    return (before === 0) !== (before + by === 0);
  }

  keys(): string[] {
    return [...this.#counts.keys()].sort();
  }
}

/** A kind that is not served has no objects to watch over; `isComplete` says whether there was none. */
export async function resolveKinds(
  book: KindBook,
  resolve: (apiVersion: string, kind: string) => Promise<{ readonly plural: string } | undefined>,
): Promise<{ kinds: ChildKinds; isComplete: boolean }> {
  const { guarded, others, namespaces } = book.kinds();
  let isComplete = true;
  const types = async (keys: readonly string[]) => {
    const found = await Promise.all(
      keys.map(async key => {
        const [apiVersion = "", kind = ""] = key.split("|");
        const type = await resolve(apiVersion, kind);
        if (type === undefined) isComplete = false;
        return type === undefined ? [] : [{ group: parseApiVersion(apiVersion).group, plural: type.plural }];
      }),
    );
    return found.flat();
  };
  const kinds = { guarded: await types(guarded), others: await types(others), namespaces };
  return { kinds, isComplete };
}
