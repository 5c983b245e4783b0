/** What one test file has of the cluster: a namespace, an API group, and short words for what tests do in them. */
import { createHash } from "node:crypto";
import { createClient, type KubeClient } from "../../../controller/kube/client.ts";
import { loadConfig } from "../../../controller/kube/config.ts";
import { controllerName } from "../../../controller/kube/controllerName.ts";
import { isKubeError } from "../../../controller/kube/errors.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../../../controller/kube/object.ts";
import { eventually, type Patience } from "./eventually.ts";

export interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface AirwayRequest {
  readonly kind: string;
  /** Source of the flight, published as ConfigMap; without it `spec` has the `wasmUrls`. */
  readonly flight?: string;
  /** Over the defaults: dynamic mode, cluster access, checksum of the flight, every Secret may be looked up. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly schema?: Readonly<Record<string, unknown>>;
  /** Of the template; by default the kind in lower case with an s. */
  readonly plural?: string;
  /** Over the template's defaults: namespaced, one version v1 with the schema. */
  readonly template?: Readonly<Record<string, unknown>>;
}

const anything = {
  type: "object",
  properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
};

/** For what Kubernetes' own controllers end in their own time: a namespace, CRDs, foreground deletions. */
const cleanUpMs = 120_000;

export class World {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly group: string;
  readonly #airways = new Set<string>();

  constructor(kubeconfig: string, name: string, group = `${name}.e2e.example.com`) {
    this.client = createClient(loadConfig({ kubeconfig }));
    this.namespace = `e2e-${name}`;
    this.group = group;
  }

  /** Removes what an interrupted run left, which like `close` needs a running controller. */
  async open(): Promise<void> {
    // A controller is ready when it watches its kinds; discovery names each of them some moments later.
    const type = await this.served("yoke.cd/v1alpha1", "Airway");
    await this.served("yoke.cd/v1alpha1", "Flight");
    await this.served("yoke.cd/v1alpha1", "ClusterFlight");
    const { items } = await this.client.list(type);
    const left = items.map(airway => airway.metadata.name).filter(name => name.endsWith(`.${this.group}`));
    for (const name of left) this.#airways.add(name);
    await this.close({ keepClient: true });
    await this.freshNamespace(this.namespace);
  }

  /** Deletes the file's Airways, for which a controller must run, and its namespace. */
  async close({ keepClient = false } = {}): Promise<void> {
    await this.deleteAirways();
    await this.delete(this.ref("v1", "Namespace", this.namespace, ""));
    await this.gone(this.ref("v1", "Namespace", this.namespace, ""), cleanUpMs);
    if (!keepClient) await this.client.transport.close();
  }

  async deleteAirways(): Promise<void> {
    await Promise.all([...this.#airways].map(name => this.delete(this.airwayRef(name))));
    await Promise.all([...this.#airways].map(name => this.gone(this.airwayRef(name), cleanUpMs)));
  }

  /** Waits until discovery names a kind, and forgets what this client was told before. */
  served(apiVersion: string, kind: string): Promise<ResourceType> {
    return eventually(`${kind} of ${apiVersion} is served`, async () => {
      this.client.discovery.invalidate(apiVersion);
      const type = await this.client.discovery.resolve(apiVersion, kind);
      if (type === undefined) throw new Error("it is not");
      return type;
    });
  }

  /** Makes sure that there is a namespace, and that it is not about to go. */
  async freshNamespace(name: string): Promise<void> {
    const object = await this.client.get(this.ref("v1", "Namespace", name, ""));
    if (object?.metadata.deletionTimestamp !== undefined) {
      await this.gone(this.ref("v1", "Namespace", name, ""), cleanUpMs);
    }
    await this.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }

  ref(apiVersion: string, kind: string, name: string, namespace = this.namespace): ObjectRef {
    return { apiVersion, kind, namespace, name };
  }

  airwayRef(airway: string): ObjectRef {
    return this.ref("yoke.cd/v1alpha1", "Airway", airway, "");
  }

  webhooks(configuration: string): ObjectRef {
    return this.ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", configuration, "");
  }

  instanceRef(kind: string, name: string): ObjectRef {
    return this.ref(`${this.group}/v1`, kind, name);
  }

  deployment(name: string): ObjectRef {
    return this.ref("apps/v1", "Deployment", name);
  }

  configMap(name: string): ObjectRef {
    return this.ref("v1", "ConfigMap", name);
  }

  /** As a foreign writer: another field manager than the controller's. */
  async apply(object: KubeObject, fieldManager = "e2e"): Promise<KubeObject> {
    return (await this.client.apply(object, { fieldManager, force: true })).object;
  }

  async get(ref: ObjectRef): Promise<KubeObject> {
    const object = await this.client.get(ref);
    if (object === undefined) throw new Error(`there is no ${ref.kind} ${ref.name}`);
    return object;
  }

  async merge(ref: ObjectRef, patch: unknown): Promise<KubeObject> {
    return this.client.patch(ref, patch, { type: "merge", fieldManager: "e2e" });
  }

  async delete(ref: ObjectRef): Promise<void> {
    await this.client.delete(ref);
  }

  /**
   * Waits for the deletion of an object of a kind that is new, and helps: Kubernetes' garbage collector, whom a
   * foreground deletion waits for, meets a new kind only half a minute later.
   */
  async letGo(ref: ObjectRef): Promise<void> {
    // Who asked for the group's kinds a moment before there was this one would take the object for gone.
    this.client.discovery.invalidate(ref.apiVersion);
    await eventually(`${ref.kind} ${ref.name} is being deleted or gone`, async () => {
      const object = await this.client.get(ref).catch(notServed);
      if (object === undefined) return;
      if (object.metadata.deletionTimestamp === undefined) throw new Error("it is not");
      await this.merge(ref, { metadata: { finalizers: null } }).catch(notServed);
    });
  }

  gone(ref: ObjectRef, timeoutMs?: number): Promise<void> {
    const check = async () => {
      const object = await this.client.get(ref).catch(notServed);
      if (object !== undefined) throw new Error(JSON.stringify([object.metadata.finalizers, object["status"]]));
    };
    return eventually(`${ref.kind} ${ref.name} is gone`, check, timeoutMs === undefined ? {} : { timeoutMs });
  }

  secret(name: string, value: string): Promise<KubeObject> {
    const data = { hello: Buffer.from(value).toString("base64") };
    return this.apply({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: this.namespace }, data });
  }

  /** Publishes a flight. Returns its URL and checksum. */
  async publish(name: string, source: string): Promise<{ flight: string; flightChecksum: string }> {
    const metadata = { name, namespace: this.namespace };
    await this.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "flight.js": source } });
    const flightChecksum = createHash("sha256").update(source).digest("hex");
    return { flight: `configmap://${this.namespace}/${name}/flight.js`, flightChecksum };
  }

  /** Publishes the flight, applies the Airway, and returns its name without waiting for it. */
  async applyAirway({ kind, flight, spec, schema = anything, plural, template }: AirwayRequest): Promise<string> {
    const usual = `${kind.toLowerCase()}s`;
    const name = `${usual}.${this.group}`;
    const wasmUrls = flight === undefined ? {} : await this.publish(`flight-${usual}`, flight);
    const version = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } };
    this.#airways.add(name);
    await this.apply({
      apiVersion: "yoke.cd/v1alpha1",
      kind: "Airway",
      metadata: { name },
      spec: {
        wasmUrls,
        mode: "dynamic",
        clusterAccess: true,
        resourceAccessMatchers: ["Secret"],
        template: {
          group: this.group,
          names: { kind, plural: plural ?? usual },
          scope: "Namespaced",
          versions: [version],
          ...template,
        },
        ...spec,
      },
    });
    return name;
  }

  /** An Airway that serves. */
  async airway(request: AirwayRequest): Promise<string> {
    const name = await this.applyAirway(request);
    await this.ready(this.airwayRef(name));
    this.client.discovery.invalidate(`${this.group}/v1`);
    return name;
  }

  applyInstance(kind: string, name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<KubeObject> {
    // Never an empty spec: when the last field of an object goes, server-side apply leaves null behind.
    const body = { spec: { of: "e2e", ...spec } };
    return this.apply({ apiVersion: `${this.group}/v1`, kind, metadata: { name, namespace: this.namespace }, ...body });
  }

  /** An instance whose Ready condition is about what it asks for now. */
  async instance(kind: string, name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<KubeObject> {
    await this.applyInstance(kind, name, spec);
    return this.ready(this.instanceRef(kind, name));
  }

  /** Waits until the Ready condition is True and about the present generation. */
  ready(ref: ObjectRef, patience?: Patience): Promise<KubeObject> {
    return this.condition(ref, condition => condition.status === "True", patience);
  }

  condition(ref: ObjectRef, holds: (condition: Condition) => boolean, patience?: Patience): Promise<KubeObject> {
    const check = async () => {
      const object = await this.get(ref);
      const condition = conditionOf(object);
      const current = condition !== undefined && condition.observedGeneration === object.metadata.generation;
      if (!current || !holds(condition)) throw new Error(JSON.stringify(object["status"] ?? "no status"));
      return object;
    };
    return eventually(`the Ready condition of ${ref.kind} ${ref.name}`, check, patience);
  }

  /** The notes of the controller's Events about an object; a Deployment of the same name has some of others. */
  async events(name: string): Promise<string[]> {
    const type = await this.client.discovery.resolve("events.k8s.io/v1", "Event");
    if (type === undefined) throw new Error("the cluster has no Events");
    const { items } = await this.client.list(type, { namespace: this.namespace });
    return items
      .filter(event => event["reportingController"] === controllerName)
      .filter(event => (event["regarding"] as { name?: string }).name === name)
      .map(event => `${event["reason"]}: ${event["note"]}`);
  }
}

/** With its kind, an object is gone as well. */
function notServed(error: unknown): undefined {
  if (!isKubeError(error, "KUBE_UNKNOWN_KIND", "KUBE_NOT_FOUND")) throw error;
}

export function conditionOf(object: KubeObject): Condition | undefined {
  const { conditions = [] } = (object["status"] ?? {}) as { conditions?: (Condition & { type: string })[] };
  return conditions.find(({ type }) => type === "Ready");
}

/** The hash that the `backend` flight put on a Deployment. */
export function hashOn(deployment: KubeObject): string | undefined {
  const { template } = deployment["spec"] as { template: { metadata: { annotations?: Record<string, string> } } };
  return template.metadata.annotations?.["e2e/hash"];
}
