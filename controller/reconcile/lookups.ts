/**
 * Answers the questions of one render (contract §3.5), and remembers what it answered.
 *
 * In the modes that react to lookups the object is watched before it is read, and counts as a dependency from then on.
 * The flight gets definite answers only: found, not found, forbidden. When the API server cannot be asked now, the
 * render fails and is repeated; a flight must not take "no answer" for "no object".
 */

import { type Matcher, matches } from "../airway/matcher.ts";
import { anyVersion, kindKey } from "../dynamic/kindWatch.ts";
import { type Tracked, trackedKey } from "../dynamic/tracker.ts";
import type { LookupAnswer, LookupRequest, RestMappingAnswer, RestMappingRequest } from "../flight/lookup.ts";
import { Redactor } from "../flight/redaction.ts";
import { isKubeError } from "../kube/errors.ts";
import { groupKind, type KubeObject, type ObjectRef, type ResourceType, withoutManagedFields } from "../kube/object.ts";
import type { ObjectFacts } from "../release/facts.ts";
import { ownerKey } from "../release/normalise.ts";
import type { Source, Watched } from "./context.ts";

const notOwned = "forbidden: cannot access resource outside of target release ownership";
const noAccess = "access to the cluster has not been granted for this flight invocation";

export interface LookupPolicy {
  readonly clusterAccess: boolean;
  readonly matchers: readonly Matcher[];
  /** Owner key of the release that is rendered. */
  readonly owner: string;
}

const unreadable = "unreadable";

/** What a lookup of this object answers with, for the digest of inputs: its version, empty when there is none. */
export function versionOf({ facts, resourceVersion, error }: Tracked<ObjectFacts>): string {
  if (error !== undefined) return unreadable;
  return facts === undefined ? "" : resourceVersion;
}

interface Found {
  readonly object: KubeObject | undefined;
  readonly version: string;
  readonly error?: Error | undefined;
}

export class RenderLookups {
  /** See `versionOf`; by tracked key. */
  readonly seen = new Map<string, string>();
  readonly refs: ObjectRef[] = [];
  /** The Secrets as the flight saw them, by tracked key. */
  readonly secrets = new Map<string, KubeObject>();
  /** Whether a kind was asked for that is not served. */
  unknownKinds = false;
  /** What made the render useless: the API server could not be asked. */
  failure: unknown;
  readonly #source: Source;
  readonly #policy: LookupPolicy;
  readonly #watched: Watched | undefined;
  readonly #answers = new Map<string, Promise<LookupAnswer>>();
  readonly #secrets = new Redactor();
  #over = false;

  /** @param watched where later changes of what is looked up matter; else each object is only read */
  constructor(source: Source, policy: LookupPolicy, watched: Watched | undefined) {
    this.#source = source;
    this.#policy = policy;
    this.#watched = watched;
  }

  async lookup(request: LookupRequest): Promise<LookupAnswer> {
    if (!this.#policy.clusterAccess) return { state: "no-access", message: noAccess };
    try {
      const type = await this.#source.client.discovery.resolve(request.apiVersion, request.kind);
      if (type === undefined) {
        this.#awaitKind(request.apiVersion, request.kind);
        return { state: "error", message: `no matches for kind "${request.kind}" in version "${request.apiVersion}"` };
      }
      // An empty namespace means `default`, not the release's (contract §3.5).
      const ref = { ...request, namespace: type.namespaced ? request.namespace || "default" : "" };
      const key = trackedKey(ref);
      // One render sees one state of an object, however often it asks.
      const answer = this.#answers.get(key) ?? this.#answer(type, ref, key);
      this.#answers.set(key, answer);
      return await answer;
    } catch (error) {
      this.failure ??= error;
      return { state: "error", message: "the API server could not be asked" };
    }
  }

  async restMapping({ group, version, kind }: RestMappingRequest): Promise<RestMappingAnswer> {
    if (!this.#policy.clusterAccess) return { state: "no-access", message: noAccess };
    const { discovery } = this.#source.client;
    try {
      const apiVersion = group === "" ? version : `${group}/${version}`;
      const type = await (version === "" ? discovery.preferred(group, kind) : discovery.resolve(apiVersion, kind));
      if (type === undefined) {
        this.#awaitKind(version === "" ? `${group}/${anyVersion}` : apiVersion, kind);
        return { state: "not-found", message: `no matches for kind "${kind}" in ${group || "the core group"}` };
      }
      const { plural: resource, namespaced } = type;
      return { state: "ok", mapping: { group: type.group, version: type.version, kind, resource, namespaced } };
    } catch (error) {
      this.failure ??= error;
      return { state: "error", message: "the API server could not be asked" };
    }
  }

  /** The render is over. A question that is still under way becomes no dependency: nobody would ever let go of it. */
  end(): void {
    this.#over = true;
  }

  #requireRender(): void {
    if (this.#over) throw new Error("the render is over");
  }

  /** When the kind is served, its CRD tells. */
  #awaitKind(apiVersion: string, kind: string): void {
    this.#requireRender();
    this.unknownKinds = true;
    this.#watched?.index.add(this.#watched.draft, kindKey(apiVersion, kind), "lookup");
  }

  /** Takes the values of looked-up Secrets out of a text that a flight wrote. */
  redact(text: string): string {
    return this.#secrets.redact(text);
  }

  async #answer(type: ResourceType, ref: ObjectRef, key: string): Promise<LookupAnswer> {
    const found = await this.#read(type, ref, key);
    this.refs.push(ref);
    this.seen.set(key, found.version);
    if (found.error !== undefined) {
      if (isKubeError(found.error, "KUBE_FORBIDDEN")) return { state: "forbidden", message: found.error.message };
      if (isKubeError(found.error, "KUBE_UNAUTHENTICATED")) {
        return { state: "unauthenticated", message: found.error.message };
      }
      throw found.error;
    }
    if (found.object === undefined) {
      return { state: "not-found", message: `${groupKind(ref)} "${ref.name}" not found` };
    }
    if (!this.#allowed(ref, found.object)) return { state: "forbidden", message: notOwned };
    if (ref.kind === "Secret" && ref.apiVersion === "v1") {
      this.#secrets.remember(found.object["data"]);
      this.secrets.set(key, found.object);
    }
    return { state: "ok", object: found.object };
  }

  async #read(type: ResourceType, ref: ObjectRef, key: string): Promise<Found> {
    this.#requireRender();
    if (this.#watched === undefined) {
      return this.#source.client.get(ref).then(
        // A flight sees the same whether or not what it looks up is watched.
        object => ({ object: object && withoutManagedFields(object), version: object?.metadata.resourceVersion ?? "" }),
        (error: Error) => ({ object: undefined, version: unreadable, error }),
      );
    }
    const { index, tracker, draft } = this.#watched;
    index.add(draft, key, "lookup");
    const tracked = await tracker.track(type, ref, { retain: true });
    return { object: tracked.object, version: versionOf(tracked), error: tracked.error };
  }

  #allowed(ref: ObjectRef, object: KubeObject): boolean {
    if (ownerKey(object) === this.#policy.owner) return true;
    const target = { namespace: ref.namespace, groupKind: groupKind(ref), name: ref.name };
    return matches(this.#policy.matchers, target);
  }
}
