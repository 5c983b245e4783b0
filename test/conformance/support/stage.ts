/**
 * Where a file's scenarios play: yoke's API group, the Go flights, a controller of its own with webhooks, and short
 * words for what the scenarios do. Every scenario that says nothing else is about mode `standard`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { isKubeError } from "../../../controller/kube/errors.ts";
import type { KubeObject, ObjectRef } from "../../../controller/kube/object.ts";
import { createReflector } from "../../../controller/kube/reflector.ts";
import { type Atc, type AtcOptions, startAtc, withAdmission } from "../../e2e/support/atc.ts";
import { eventually } from "../../e2e/support/eventually.ts";
import { pushModule } from "../../e2e/support/registry.ts";
import { type AirwayRequest, conditionOf, World } from "../../e2e/support/world.ts";

export interface StageOptions {
  /** Environment of the controller; by default modules of the registry are allowed and no others. */
  readonly env?: Readonly<Record<string, string>>;
}

const onlyOurModules = () => ({ MODULE_ALLOW_LIST: `oci://${inject("registry")}/*` });

export interface Definition extends Omit<AirwayRequest, "kind" | "flight"> {
  /**
   * The same for a kind in all files: Kubernetes' garbage collector goes by the scope that a kind had up to half a minute
   * ago, finds no owner there, and deletes what the owner's release consists of.
   */
  readonly scope?: "Namespaced" | "Cluster";
}

export class Stage extends World {
  /** The admin's, as which the scenarios act. */
  readonly kubeconfig: string;
  readonly #env: Readonly<Record<string, string>>;
  #options: AtcOptions | undefined;
  readonly #urls = new Map<string, Promise<string>>();
  /** What goes with the file. */
  readonly #namespaces: string[] = [];
  readonly #put: ObjectRef[] = [];
  #atc: Atc | undefined;

  constructor(name: string, { env = onlyOurModules() }: StageOptions = {}) {
    super(inject("kubeconfig"), name, "examples.com");
    this.kubeconfig = inject("kubeconfig");
    this.#env = env;
  }

  override async open(): Promise<void> {
    const { kubeconfig, env } = await withAdmission(this.kubeconfig);
    this.#options = { kubeconfig, env: { ...env, ...this.#env } };
    await this.startController();
    await super.open();
    await Promise.all([this.#refused(versionless(this.group)), this.#refused(unfetchable)]);
  }

  /** The API server asks a webhook some moments after it is registered. */
  #refused(object: KubeObject): Promise<void> {
    return eventually(`the webhook of ${object.kind} is asked`, async () => {
      const said = await refusal(this.client.create(object, { fieldManager: "e2e", dryRun: true }));
      if (!said.startsWith("admission webhook")) throw new Error(said);
    });
  }

  override async close({ keepClient = false } = {}): Promise<void> {
    try {
      // First, because the end of a CRD takes five seconds more when it is not empty at the first look.
      await Promise.all(this.#put.map(ref => this.delete(ref)));
      await Promise.all(this.#put.map(ref => this.gone(ref)));
      await this.deleteAirways();
      // They take five seconds anyway, and the next file does not wait for those that it has no use for.
      await Promise.all([this.namespace, ...this.#namespaces].map(name => this.#deleteNamespace(name)));
    } finally {
      if (!keepClient) await this.stopController();
    }
    if (!keepClient) await this.client.transport.close();
  }

  #deleteNamespace(name: string): Promise<void> {
    return this.delete(this.ref("v1", "Namespace", name, ""));
  }

  get controller(): Atc {
    if (this.#atc === undefined) throw new Error("the stage is not open");
    return this.#atc;
  }

  async startController(): Promise<void> {
    if (this.#options === undefined) throw new Error("the stage is not open");
    this.#atc = await startAtc(this.#options);
  }

  async stopController(): Promise<void> {
    await this.#atc?.kill("SIGTERM");
  }

  /** Where the controller finds a flight. */
  async url(flight: string): Promise<string> {
    const url = this.#urls.get(flight) ?? this.pushModule(flight, readFileSync(join(inject("flights"), flight)));
    this.#urls.set(flight, url);
    return url;
  }

  async pushModule(repository: string, source: Buffer): Promise<string> {
    const [host, tag] = [inject("registry"), "test"];
    const layerType = "application/vnd.yoke.wasm.gzip";
    await pushModule({ server: `http://${host}`, repository, tag, source, layerType });
    return `oci://${host}/${repository}:${tag}`;
  }

  /** Applies an Airway for a flight, and returns its name without waiting for it. */
  async propose(kind: string, flight: string, { scope = "Namespaced", ...rest }: Definition = {}): Promise<string> {
    const spec = { insecure: true, mode: "standard", clusterAccess: false, resourceAccessMatchers: [], ...rest.spec };
    const wasmUrls = { flight: await this.url(flight), ...(rest.spec?.["wasmUrls"] as object | undefined) };
    const template = { scope, ...rest.template };
    return this.applyAirway({ ...rest, kind, spec: { ...spec, wasmUrls }, template });
  }

  /** The same, and waits until it serves. */
  async define(kind: string, flight: string, definition?: Definition): Promise<string> {
    const name = await this.propose(kind, flight, definition);
    await this.ready(this.airwayRef(name));
    for (const version of ["v1", "v2"]) this.client.discovery.invalidate(`${this.group}/${version}`);
    return name;
  }

  /** Reference to a custom resource in the file's namespace, or of the cluster. */
  custom(kind: string, name: string, namespace = this.namespace): ObjectRef {
    return this.ref(`${this.group}/v1`, kind, name, namespace);
  }

  /** Creates a custom resource as a user; `merge` changes it. */
  put(ref: ObjectRef, spec: unknown, annotations: Readonly<Record<string, string>> = {}): Promise<KubeObject> {
    this.#put.push(ref);
    const { apiVersion, kind, name, namespace } = ref;
    const metadata = { name, ...(namespace === "" ? {} : { namespace }), annotations };
    return this.client.create({ apiVersion, kind, metadata, spec }, { fieldManager: "e2e" });
  }

  /** A namespace that goes with the file. */
  async namespaceOf(name: string): Promise<void> {
    this.#namespaces.push(name);
    await this.freshNamespace(name);
  }

  /** Collects the reasons of a Ready condition from now on, without repetitions. */
  async reasons(ref: ObjectRef): Promise<{ readonly seen: readonly string[]; stop(): Promise<void> }> {
    const type = await this.client.discovery.resolve(ref.apiVersion, ref.kind);
    if (type === undefined) throw new Error(`${ref.kind} of ${ref.apiVersion} is not served`);
    const seen: string[] = [];
    const upsert = (object: KubeObject) => {
      const reason = conditionOf(object)?.reason;
      if (reason !== undefined && reason !== seen.at(-1)) seen.push(reason);
    };
    const handler = { upsert, listed: () => undefined, delete: () => undefined };
    const { namespace, name } = ref;
    const reflector = createReflector({ client: this.client, type, namespace, name, handler });
    reflector.start();
    await reflector.synced;
    return { seen, stop: () => reflector.stop() };
  }

  async list(apiVersion: string, kind: string, labelSelector?: string, namespace = this.namespace) {
    const type = await this.client.discovery.resolve(apiVersion, kind);
    if (type === undefined) throw new Error(`${kind} of ${apiVersion} is not served`);
    const { items } = await this.client.list(type, {
      namespace,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    });
    return items;
  }
}

/** What no webhook lets pass: an Airway whose only version is not stored, a Flight whose module is nowhere. */
const versionless = (group: string): KubeObject => ({
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  metadata: { name: `nevers.${group}` },
  spec: {
    wasmUrls: { flight: nowhere },
    template: {
      ...{ group, scope: "Namespaced", names: { kind: "Never", plural: "nevers" } },
      versions: [{ name: "v1", served: true, storage: false, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  },
});
const nowhere = "http://127.0.0.1:1/never.wasm";
const unfetchable: KubeObject = {
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Flight",
  metadata: { name: "never", namespace: "default" },
  spec: { wasmUrl: nowhere },
};

/** The API server's own words for its refusal, without what our client adds. */
export async function refusal(request: Promise<unknown>): Promise<string> {
  try {
    await request;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return error.message.replace(/^[A-Z]+ \S+: [^:]+: /, "");
  }
  throw new Error("the API server accepted it");
}
