/**
 * Typed calls on Kubernetes objects. Plain JSON in and out; unknown fields survive.
 * Answers other than 2xx throw a KubeError, unless the table below says what they mean.
 */
import { type Clock, systemClock } from "./clock.ts";
import type { ClusterConfig } from "./config.ts";
import { apiRoot, createDiscovery, type Discovery, parseJson } from "./discovery.ts";
import { answerError, isKubeError, isMissingPath, kubeErrors } from "./errors.ts";
import { withHeaders } from "./interceptors.ts";
import { type KubeObject, type ObjectRef, type ResourceType, refOf } from "./object.ts";
import {
  createTransport,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  type TransportOptions,
} from "./transport.ts";

interface GetOptions {
  /** Only `metadata`: for what would otherwise bring a Secret's value along. */
  metadataOnly?: boolean;
  signal?: AbortSignal;
}

export interface ListOptions {
  /** Empty or absent: all namespaces. */
  namespace?: string;
  fieldSelector?: string;
  labelSelector?: string;
  metadataOnly?: boolean;
  /** Objects per page, default 500; 0: all at once. */
  limit?: number;
  signal?: AbortSignal;
}

export interface ObjectList {
  items: KubeObject[];
  /** Where a watch of the same scope begins. */
  resourceVersion: string;
}

interface CreateOptions {
  fieldManager: string;
  dryRun?: boolean;
  signal?: AbortSignal;
}

interface ApplyOptions extends CreateOptions {
  /** Take fields over from other managers; else KUBE_FIELD_CONFLICT. */
  force: boolean;
  subresource?: "status";
}

interface PatchOptions extends CreateOptions {
  type: "merge" | "json";
  subresource?: "status";
}

interface DeleteOptions {
  /** Delete this very object and not a later one of the same name; else KUBE_CONFLICT. */
  uid?: string;
  resourceVersion?: string;
  propagation?: "Foreground" | "Background" | "Orphan";
  signal?: AbortSignal;
}

/** Who to be for the API server instead of oneself, which asks for the verb `impersonate` on each part. */
export interface Impersonation {
  /** The API server adds the groups of a ServiceAccount. */
  readonly user: string;
  /** Shown to webhooks and in audit logs. Keys in lower case, without a slash. */
  readonly extra?: Readonly<Record<string, string>>;
}

export interface KubeClient {
  readonly discovery: Discovery;
  readonly transport: Transport;
  /** Reads from etcd, not from a cache. Undefined when absent; KUBE_UNKNOWN_KIND when the kind is not served. */
  get(ref: ObjectRef, options?: GetOptions): Promise<KubeObject | undefined>;
  /** The whole state now (consistent read); each item has its apiVersion and kind. */
  list(type: ResourceType, options?: ListOptions): Promise<ObjectList>;
  /**
   * The same page by page, so that not all of it is in memory at a time. All pages are of one moment and have its
   * resourceVersion. KUBE_GONE when they outlive etcd's history: what came is to be forgotten, and a list without a
   * limit is the one that cannot fail so.
   */
  pages(type: ResourceType, options?: ListOptions): AsyncIterable<ObjectList>;
  create(object: KubeObject, options: CreateOptions): Promise<KubeObject>;
  /**
   * Server-side apply. `metadata.resourceVersion` in the object makes it conditional (KUBE_CONFLICT). Send
   * `metadata.uid` with it: without, an object that was deleted meanwhile is created anew (seen with Kubernetes 1.34).
   */
  apply(object: KubeObject, options: ApplyOptions): Promise<{ object: KubeObject; created: boolean }>;
  patch(ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<KubeObject>;
  /** `deleting`: finalizers or a grace period keep it for now. `absent` also when its kind is not served any more. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<"deleted" | "deleting" | "absent">;
  /** The same as somebody else, over the same connections; what kinds there are is asked as oneself. */
  as(impersonation: Impersonation): KubeClient;
}

export interface ClientOptions extends TransportOptions {
  clock?: Clock;
}

export function createClient(config: ClusterConfig, options: ClientOptions = {}): KubeClient {
  const transport = createTransport(config, options);
  return clientOf(transport, createDiscovery(transport, { clock: options.clock ?? systemClock }));
}

const patchTypes = { merge: "application/merge-patch+json", json: "application/json-patch+json" };
const defaultPageSize = 500;

function clientOf(transport: Transport, discovery: Discovery): KubeClient {
  const typeOf = async (of: { apiVersion: string; kind: string }): Promise<ResourceType> => {
    const type = await discovery.resolve(of.apiVersion, of.kind);
    if (type === undefined) throw kubeErrors.KUBE_UNKNOWN_KIND({ apiVersion: of.apiVersion, kind: of.kind });
    return type;
  };

  /** Sends and throws for what is not 2xx. A path that is not served means that discovery is out of date. */
  const send = async (type: ResourceType, request: HttpRequest): Promise<HttpResponse> => {
    const response = await transport.request(request);
    if (response.status >= 200 && response.status < 300) return response;
    if (isMissingPath(response.status, response.body)) {
      discovery.invalidate(type.apiVersion);
      throw kubeErrors.KUBE_UNKNOWN_KIND({ apiVersion: type.apiVersion, kind: type.kind });
    }
    throw answerError(request, response);
  };

  const write = async (
    ref: ObjectRef,
    request: Pick<HttpRequest, "method" | "body"> & { contentType: string; named: boolean },
    options: CreateOptions & { force?: boolean; subresource?: "status" },
  ): Promise<{ object: KubeObject; status: number }> => {
    const type = await typeOf(ref);
    const { fieldManager, dryRun = false, force, subresource, signal } = options;
    const full: HttpRequest = {
      method: request.method,
      path: resourcePath(type, ref.namespace, request.named ? ref.name : undefined, subresource),
      query: { fieldManager, force, dryRun: dryRun ? "All" : undefined },
      headers: { "content-type": request.contentType },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal,
    };
    const response = await send(type, full);
    return { object: parseJson(full, response.body) as KubeObject, status: response.status };
  };

  return {
    discovery,
    transport,

    async get(ref, options = {}) {
      const type = await typeOf(ref);
      const path = resourcePath(type, ref.namespace, ref.name);
      const request = {
        method: "GET",
        path,
        headers: acceptOf("object", options.metadataOnly),
        signal: options.signal,
      };
      try {
        return withType(parseJson(request, (await send(type, request)).body) as KubeObject, type);
      } catch (error) {
        if (isKubeError(error, "KUBE_NOT_FOUND")) return undefined;
        throw error;
      }
    },

    async list(type, options = {}) {
      try {
        return await joined(listPages(send, type, options));
      } catch (error) {
        if (isKubeError(error, "KUBE_GONE")) return joined(listPages(send, type, { ...options, limit: 0 }));
        throw error;
      }
    },

    pages: (type, options = {}) => listPages(send, type, options),

    async create(object, options) {
      const body = JSON.stringify(object);
      const request = { method: "POST", body, contentType: "application/json", named: false };
      return (await write(refOf(object), request, options)).object;
    },

    async apply(object, options) {
      const body = JSON.stringify(object);
      const request = { method: "PATCH", body, contentType: "application/apply-patch+yaml", named: true };
      const { object: applied, status } = await write(refOf(object), request, options);
      return { object: applied, created: status === 201 };
    },

    async patch(ref, patch, options) {
      const body = JSON.stringify(patch);
      const request = { method: "PATCH", body, contentType: patchTypes[options.type], named: true };
      return (await write(ref, request, options)).object;
    },

    async delete(ref, options = {}) {
      const type = await discovery.resolve(ref.apiVersion, ref.kind);
      if (type === undefined) return "absent";
      const request = {
        method: "DELETE",
        path: resourcePath(type, ref.namespace, ref.name),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(deleteBody(options)),
        signal: options.signal,
      };
      try {
        const answer = parseJson(request, (await send(type, request)).body) as KubeObject;
        return isLingering(answer) ? "deleting" : "deleted";
      } catch (error) {
        if (isKubeError(error, "KUBE_NOT_FOUND", "KUBE_UNKNOWN_KIND")) return "absent";
        throw error;
      }
    },

    as: impersonation => clientOf(impersonating(transport, impersonation), discovery),
  };
}

function impersonating(transport: Transport, { user, extra = {} }: Impersonation): Transport {
  const headers = withHeaders({
    "impersonate-user": user,
    ...Object.fromEntries(Object.entries(extra).map(([key, value]) => [`impersonate-extra-${key}`, value])),
  });
  return { ...transport, request: headers(transport.request), stream: headers(transport.stream) };
}

async function* listPages(
  send: (type: ResourceType, request: HttpRequest) => Promise<HttpResponse>,
  type: ResourceType,
  options: ListOptions,
): AsyncGenerator<ObjectList> {
  const { limit = defaultPageSize } = options;
  for (let token: string | undefined; ; ) {
    const request: HttpRequest = {
      method: "GET",
      path: resourcePath(type, options.namespace ?? ""),
      // No resourceVersion: the state now. "0" would answer from a cache that may be behind an earlier answer.
      query: { ...selectorsOf(options), limit: limit === 0 ? undefined : limit, continue: token },
      headers: acceptOf("list", options.metadataOnly),
      signal: options.signal,
    };
    const page = parseJson(request, (await send(type, request)).body) as ListPage;
    const { resourceVersion, continue: next = "" } = page.metadata;
    yield { items: (page.items ?? []).map(item => withType(item, type)), resourceVersion };
    if (next === "") return;
    token = next;
  }
}

async function joined(pages: AsyncIterable<ObjectList>): Promise<ObjectList> {
  const all: ObjectList = { items: [], resourceVersion: "" };
  for await (const { items, resourceVersion } of pages) {
    for (const item of items) all.items.push(item);
    all.resourceVersion = resourceVersion;
  }
  return all;
}

interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: KubeObject[] | null;
}

/** `/apis/apps/v1/namespaces/x/deployments/y/status`. An empty namespace means all, or a cluster-scoped kind. */
export function resourcePath(type: ResourceType, namespace: string, name?: string, subresource?: string): string {
  const scope = type.namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${apiRoot(type.apiVersion)}${scope}/${type.plural}${object}${subresource === undefined ? "" : `/${subresource}`}`;
}

export function selectorsOf(
  options: Pick<ListOptions, "fieldSelector" | "labelSelector">,
): Record<string, string | undefined> {
  return { fieldSelector: options.fieldSelector, labelSelector: options.labelSelector };
}

/** What to accept: whole objects, or `PartialObjectMetadata` (KEP "metadata-only API"). */
export function acceptOf(what: "object" | "list", metadataOnly = false): Record<string, string> {
  if (!metadataOnly) return {};
  return { accept: `application/json;as=PartialObjectMetadata${what === "list" ? "List" : ""};g=meta.k8s.io;v=v1` };
}

/** Items of a list carry no type, and partial ones a foreign one. */
export function withType(object: KubeObject, type: ResourceType): KubeObject {
  object.apiVersion = type.apiVersion;
  object.kind = type.kind;
  return object;
}

function deleteBody({ uid, resourceVersion, propagation }: DeleteOptions): Record<string, unknown> {
  const preconditions = { uid, resourceVersion };
  return {
    apiVersion: "meta.k8s.io/v1",
    kind: "DeleteOptions",
    ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions }),
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
  };
}

/** A delete answers with a Status when the object is gone, else with the object that waits for finalizers or grace. */
function isLingering(answer: KubeObject): boolean {
  if (answer.kind === "Status") return false;
  const { finalizers = [], deletionTimestamp, deletionGracePeriodSeconds } = answer.metadata;
  // A Namespace has its own in `spec`.
  const { finalizers: ofSpec = [] } = (answer["spec"] ?? {}) as { finalizers?: string[] };
  const held = finalizers.length > 0 || ofSpec.length > 0 || Number(deletionGracePeriodSeconds ?? 0) > 0;
  return deletionTimestamp !== undefined && held;
}
