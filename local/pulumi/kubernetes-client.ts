/** The few calls of the Kubernetes API that a provider needs. */
import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "../../lib/errors.ts";
import { errors } from "./errors.ts";
import { createAgent, type HttpResponse, sendRequest } from "./http.ts";
import type { ClusterAccess } from "./kubeconfig.ts";
import { isObject, type Properties, type Value } from "./wire.ts";

/** A kind as the API server serves it. */
export interface ResourceType {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectAddress {
  readonly type: ResourceType;
  /** Ignored where the kind has no namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface ApplyOptions {
  readonly fieldManager: string;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export interface KubernetesClient {
  /** Discovers a kind; undefined if the server does not know it (yet). */
  readonly find: (apiVersion: string, kind: string, signal: AbortSignal) => Promise<ResourceType | undefined>;
  readonly get: (address: ObjectAddress, signal: AbortSignal) => Promise<Properties | undefined>;
  /** Server-side apply. */
  readonly apply: (
    address: ObjectAddress,
    object: Properties,
    options: ApplyOptions,
    signal: AbortSignal,
  ) => Promise<Properties>;
  /** Deletes the object with this uid; false if it is not there, or is another one by now. */
  readonly remove: (
    address: ObjectAddress,
    options: { readonly uid?: string | undefined; readonly propagation: string },
    signal: AbortSignal,
  ) => Promise<boolean>;
}

const READ_ATTEMPTS = 4;
const FIRST_DELAY_MS = 200;

const root = (apiVersion: string): string => (apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

function objectPath({ type, namespace, name }: ObjectAddress): string {
  const scope = type.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root(type.apiVersion)}${scope}/${type.plural}/${encodeURIComponent(name)}`;
}

const explain = (body: Value | undefined): string =>
  isObject(body) && typeof body.message === "string" ? body.message : String(body ?? "no explanation");

/** An answer of the API server that is an error. */
export class KubernetesRefusal extends CodedError {
  /** The HTTP status. */
  readonly status: number;
  /** For a conflict: the field managers that own the fields. */
  readonly conflictingManagers: readonly string[];

  constructor(method: string, path: string, { status, body }: HttpResponse) {
    const managers = managersOf(body);
    const facts = { method, path, status, reason: explain(body) };
    const { code, message, todo } =
      managers.length > 0 ? errors.KUBERNETES_CONFLICT(facts) : errors.KUBERNETES_REFUSED(facts);
    super(code, message, todo);
    this.status = status;
    this.conflictingManagers = managers;
  }
}

function managersOf(body: Value | undefined): string[] {
  const details = isObject(body) && isObject(body.details) ? body.details : {};
  const causes = Array.isArray(details.causes) ? details.causes : [];
  return causes.flatMap(cause => {
    const manager = isObject(cause) ? /conflict with "([^"]+)"/.exec(String(cause.message))?.[1] : undefined;
    return manager === undefined ? [] : [manager];
  });
}

export function createKubernetesClient(access: ClusterAccess): KubernetesClient {
  const agent = createAgent(access.server, access.tls);
  const known = new Map<string, ResourceType>();

  async function send(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: Properties,
    contentType = "application/json",
  ): Promise<HttpResponse> {
    const headers = { ...access.headers, accept: "application/json", "content-type": contentType };
    const url = `${access.server.replace(/\/$/, "")}${path}`;
    for (let attempt = 1; ; attempt++) {
      // Every call here may be repeated: reads, applies, and deletes of one uid.
      const last = attempt === READ_ATTEMPTS || signal.aborted;
      const response = await sendRequest({ method, url, headers, body, agent, signal }).catch((error: unknown) => {
        if (last || signal.aborted) throw errors.KUBERNETES_UNREACHABLE({ server: access.server }, error);
        return undefined;
      });
      const passing = response === undefined || response.status === 429 || response.status >= 500;
      if (response !== undefined && (last || !passing)) return response;
      await delay(FIRST_DELAY_MS * 2 ** (attempt - 1), undefined, { signal });
    }
  }

  async function discover(apiVersion: string, signal: AbortSignal): Promise<void> {
    const response = await send("GET", root(apiVersion), signal);
    if (response.status === 404) return;
    if (response.status >= 400) throw new KubernetesRefusal("GET", root(apiVersion), response);
    const resources = isObject(response.body) && Array.isArray(response.body.resources) ? response.body.resources : [];
    for (const resource of resources) {
      if (!isObject(resource) || String(resource.name).includes("/")) continue;
      const kind = String(resource.kind);
      const type = { apiVersion, kind, plural: String(resource.name), namespaced: resource.namespaced === true };
      known.set(`${apiVersion} ${kind}`, type);
    }
  }

  return {
    async find(apiVersion, kind, signal) {
      const key = `${apiVersion} ${kind}`;
      // A kind that was missing is looked up again: its CRD may come in the same update.
      if (!known.has(key)) await discover(apiVersion, signal);
      return known.get(key);
    },

    async get(address, signal) {
      const path = objectPath(address);
      const response = await send("GET", path, signal);
      if (response.status === 404) return undefined;
      if (response.status >= 400 || !isObject(response.body)) throw new KubernetesRefusal("GET", path, response);
      return response.body;
    },

    async apply(address, object, options, signal) {
      const query = new URLSearchParams({ fieldManager: options.fieldManager });
      if (options.force) query.set("force", "true");
      if (options.dryRun) query.set("dryRun", "All");
      const path = objectPath(address);
      const response = await send("PATCH", `${path}?${query}`, signal, object, "application/apply-patch+yaml");
      if (response.status >= 400 || !isObject(response.body)) throw new KubernetesRefusal("PATCH", path, response);
      return response.body;
    },

    async remove(address, { uid, propagation }, signal) {
      const path = objectPath(address);
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: propagation, ...preconditions };
      const response = await send("DELETE", path, signal, body);
      if (response.status === 404 || response.status === 409) return false;
      if (response.status >= 400) throw new KubernetesRefusal("DELETE", path, response);
      return true;
    },
  };
}
