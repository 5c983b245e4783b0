/**
 * Notices that the API server begins or ends to serve a kind, without asking all the time.
 *
 * A change of a CustomResourceDefinition tells that something about its group changes. The API server follows some
 * moments later and does not say when, so what somebody depends on of that group is looked at a few times after each
 * change, and not otherwise. Of the CRDs only metadata is watched: their names end in their group.
 *
 * Kinds of aggregated APIs have no CRD; who waits for one has to look again by himself.
 */

import { type Clock, sleep, systemClock } from "../kube/clock.ts";
import type { Discovery } from "../kube/discovery.ts";
import { parseApiVersion } from "../kube/object.ts";
import type { Reflector, ReflectorHandler } from "../kube/reflector.ts";
import { refOfTrackedKey, trackedKey } from "./entry.ts";

/** The key of a kind as a dependency: that of an object of it without a name. */
export function kindKey(apiVersion: string, kind: string): string {
  return trackedKey({ apiVersion, kind, namespace: "", name: "" });
}

export function isKindKey(key: string): boolean {
  return key.endsWith("|");
}

/** In place of a version: whichever the group prefers. */
export const anyVersion = "*";

export interface KindWatchOptions {
  readonly discovery: Discovery;
  openReflector(handler: ReflectorHandler): Reflector;
  /** The watches of objects, which have to follow when their kind goes, moves or comes back. */
  reflectors(): readonly Reflector[];
  /** The objects and kinds that somebody depends on. */
  dependencies(): Iterable<string>;
  /** A kind that somebody waits for is served. */
  served(key: string): void;
  readonly clock?: Clock;
}

/** After a change of a CRD, one after the other: until the API server has followed, also a slow one. */
const pausesMs = [20, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400];

export class KindWatch {
  readonly reflector: Reflector;
  readonly #options: KindWatchOptions;
  readonly #clock: Clock;
  /** Looks under way, by group. */
  readonly #looks = new Map<string, AbortController>();
  /** The first list tells nothing new. */
  #listed = false;

  constructor(options: KindWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const changed = ({ metadata }: { metadata: { name: string } }) => {
      if (this.#listed) this.#follow(groupOf(metadata.name));
    };
    this.reflector = options.openReflector({
      upsert: changed,
      delete: changed,
      listed: () => {
        this.#listed = true;
      },
    });
  }

  start(): void {
    this.reflector.start();
  }

  async stop(): Promise<void> {
    for (const look of this.#looks.values()) look.abort(new Error("the controller stops"));
    await this.reflector.stop();
  }

  /** Begins anew when the group changes once more. */
  #follow(group: string): void {
    this.#looks.get(group)?.abort(new Error("another change"));
    const look = new AbortController();
    this.#looks.set(group, look);
    void this.#look(group, look.signal)
      .catch(() => undefined)
      .finally(() => {
        if (this.#looks.get(group) === look) this.#looks.delete(group);
      });
  }

  async #look(group: string, signal: AbortSignal): Promise<void> {
    const told = new Set<string>();
    for (const pause of pausesMs) {
      await sleep(this.#clock, pause, signal);
      const watches = this.#options.reflectors().filter(({ type }) => type.group === group);
      const awaited = this.#awaited(group);
      const versions = new Set([
        ...watches.map(({ type }) => type.apiVersion),
        ...awaited.map(key => refOfTrackedKey(key).apiVersion),
      ]);
      for (const apiVersion of versions) this.#options.discovery.invalidate(apiVersion);
      for (const watch of watches) watch.recheck();
      await Promise.all(
        awaited.map(async key => {
          // An API server in trouble is asked again in the next look.
          if (told.has(key) || !(await this.#isServed(key).catch(() => false)) || signal.aborted) return;
          told.add(key);
          this.#options.served(key);
        }),
      );
    }
  }

  async #isServed(key: string): Promise<boolean> {
    const { discovery } = this.#options;
    const { apiVersion, kind } = refOfTrackedKey(key);
    const { group, version } = parseApiVersion(apiVersion);
    const type = await (version === anyVersion
      ? discovery.preferred(group, kind)
      : discovery.resolve(apiVersion, kind));
    return type !== undefined;
  }

  #awaited(group: string): string[] {
    const awaited: string[] = [];
    for (const key of this.#options.dependencies()) {
      if (isKindKey(key) && key.startsWith(`${group}/`)) awaited.push(key);
    }
    return awaited;
  }
}

/** A CRD is called `<plural>.<group>`. */
function groupOf(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}
