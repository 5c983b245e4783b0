/**
 * Which path serves a kind.
 *
 * One request per apiVersion, kept until `invalidate`. A kind that is not there is looked up again, at most once per
 * `missMs` per apiVersion, so a CRD that appears is found soon and a missing one costs little. What flights make up is
 * not remembered for longer.
 */
import { type Clock, systemClock } from "./clock.ts";
import { answerError, protocolError } from "./errors.ts";
import { parseApiVersion, type ResourceType } from "./object.ts";
import type { Transport } from "./transport.ts";

export interface Discovery {
  /**
   * Undefined when the API server does not serve the kind.
   * @throws KUBE_UNAVAILABLE and others when it cannot say.
   */
  resolve(apiVersion: string, kind: string): Promise<ResourceType | undefined>;
  /** The kind in the version that the group prefers, or else in the first that serves it. */
  preferred(group: string, kind: string): Promise<ResourceType | undefined>;
  /** Forgets one apiVersion, or everything. */
  invalidate(apiVersion?: string): void;
}

interface Looked {
  kinds: ReadonlyMap<string, ResourceType>;
  at: number;
}

export function createDiscovery(
  transport: Pick<Transport, "request">,
  options: { clock?: Clock; missMs?: number } = {},
): Discovery & { readonly known: () => number } {
  const { clock = systemClock, missMs = 1_000 } = options;
  const looked = new Map<string, Looked>();
  const running = new Map<string, Promise<Looked>>();

  const isFresh = ({ at }: Looked): boolean => clock.now() - at < missMs;

  const remember = (apiVersion: string, result: Looked): void => {
    if (result.kinds.size === 0) {
      for (const [other, known] of looked) if (known.kinds.size === 0 && !isFresh(known)) looked.delete(other);
    }
    looked.set(apiVersion, result);
  };

  /** Concurrent callers share one request. */
  const look = (apiVersion: string): Promise<Looked> => {
    const shared = running.get(apiVersion);
    if (shared !== undefined) return shared;
    const request = fetchKinds(transport, apiVersion)
      .then(kinds => {
        const result = { kinds, at: clock.now() };
        // Invalidated meanwhile: what came may be older than the reason for it.
        if (running.get(apiVersion) === request) remember(apiVersion, result);
        return result;
      })
      .finally(() => {
        if (running.get(apiVersion) === request) running.delete(apiVersion);
      });
    running.set(apiVersion, request);
    return request;
  };

  const resolve = async (apiVersion: string, kind: string): Promise<ResourceType | undefined> => {
    const known = looked.get(apiVersion);
    const type = known?.kinds.get(kind);
    if (type !== undefined) return type;
    if (known !== undefined && isFresh(known)) return undefined;
    return (await look(apiVersion)).kinds.get(kind);
  };

  return {
    resolve,
    async preferred(group, kind) {
      for (const apiVersion of await fetchVersions(transport, group)) {
        const type = await resolve(apiVersion, kind);
        if (type !== undefined) return type;
      }
      return undefined;
    },
    /** How many apiVersions it remembers an answer of. */
    known: () => looked.size,
    invalidate(apiVersion) {
      if (apiVersion === undefined) {
        looked.clear();
        running.clear();
        return;
      }
      looked.delete(apiVersion);
      running.delete(apiVersion);
    },
  };
}

/** apiVersions of a group, the preferred one first. Not kept: it is asked seldom, and changes with any CRD. */
async function fetchVersions(transport: Pick<Transport, "request">, group: string): Promise<string[]> {
  if (group === "") return ["v1"];
  const request = { method: "GET", path: `/apis/${encodeURIComponent(group)}` };
  const response = await transport.request(request);
  if (response.status === 404) return [];
  if (response.status !== 200) throw answerError(request, response);
  const { preferredVersion, versions = [] } = parseJson(request, response.body) as ApiGroup;
  const all = [preferredVersion, ...versions].flatMap(version => version?.groupVersion ?? []);
  return [...new Set(all)];
}

interface ApiGroup {
  preferredVersion?: { groupVersion?: string };
  versions?: { groupVersion?: string }[];
}

async function fetchKinds(
  transport: Pick<Transport, "request">,
  apiVersion: string,
): Promise<ReadonlyMap<string, ResourceType>> {
  const request = { method: "GET", path: apiRoot(apiVersion) };
  const response = await transport.request(request);
  if (response.status === 404) return new Map();
  if (response.status !== 200) throw answerError(request, response);
  const { group, version } = parseApiVersion(apiVersion);
  const kinds = new Map<string, ResourceType>();
  for (const { name, kind, namespaced } of readResources(request, response.body)) {
    // `deployments/status` and the like are no types of their own.
    if (!name.includes("/")) kinds.set(kind, { group, version, apiVersion, kind, plural: name, namespaced });
  }
  return kinds;
}

/** `/api/v1` for the core group, `/apis/<group>/<version>` for all others. */
export function apiRoot(apiVersion: string): string {
  const { group } = parseApiVersion(apiVersion);
  return `${group === "" ? "/api" : "/apis"}/${apiVersion.split("/").map(encodeURIComponent).join("/")}`;
}

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

function readResources(request: { method: string; path: string }, body: string): ApiResource[] {
  const list = parseJson(request, body) as { resources?: ApiResource[] };
  return list.resources ?? [];
}

/** @throws KUBE_PROTOCOL without quoting the body */
export function parseJson(request: { method: string; path: string }, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw protocolError(request, `${body.length} characters that are no JSON`);
  }
}
