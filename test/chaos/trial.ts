/** One trial under way: does what its plan says, and remembers what was asked for last. */
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../controller/kube/client.ts";
import { isKubeError } from "../../controller/kube/errors.ts";
import type { KubeObject, ObjectRef } from "../../controller/kube/object.ts";
import type { Spec } from "./flight.ts";
import { instancesPerTrial, parts, secretsPerTrial, type TrialPlan, type Write } from "./plan.ts";

export interface TrialWorld {
  readonly client: KubeClient;
  readonly namespace: string;
  /** apiVersion and kind of the instances. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly signal: AbortSignal;
}

export interface Instance {
  readonly name: string;
  /** undefined while it is deleted. */
  spec: Spec | undefined;
}

export interface Secret {
  readonly name: string;
  /** What its `n` may be: that of the last write; undefined after a deletion. */
  allowed: readonly (number | undefined)[];
}

/** Until what failed is tried again: hundreds of trials may wait at once. */
const againMs = 500;
/** As somebody else than the controller. */
const foreign = { fieldManager: "chaos", force: true };

export class Trial {
  readonly instances: Instance[];
  readonly secrets: Secret[];
  /** How often each kind of write was done. */
  readonly done = new Map<Write["type"], number>();
  readonly #world: TrialWorld;
  readonly #plan: TrialPlan;
  /** Why what is to be done now is not done yet. */
  #waitsFor = "";
  #requests = 0;
  /** Never begins again, so that what is newer always counts higher. */
  #count = 0;

  constructor(world: TrialWorld, prefix: string, plan: TrialPlan) {
    this.#world = world;
    this.#plan = plan;
    this.secrets = Array.from({ length: secretsPerTrial }, (_, index) => ({
      name: `${prefix}-s${index}`,
      allowed: [undefined],
    }));
    this.instances = Array.from({ length: instancesPerTrial }, (_, index) => ({
      name: `${prefix}-i${index}`,
      spec: undefined,
    }));
  }

  get writes(): number {
    return this.done.values().reduce((sum, count) => sum + count, 0);
  }

  /** Counts what was done, however small: a round in which this goes on is slow, and not stuck. */
  get progress(): number {
    return this.#requests;
  }

  get waitsFor(): string {
    return this.#waitsFor;
  }

  async begin(): Promise<void> {
    for (const secret of this.secrets) await this.#writeSecret(secret);
    for (const instance of this.instances.keys()) await this.#writeSpec(instance, parts, true);
  }

  async run(): Promise<void> {
    for (const { pauseMs, write } of this.#plan.steps) {
      await delay(pauseMs);
      await this.#write(write);
    }
  }

  /** Deletes everything that the trial asked for; the children are the controller's. */
  async end(): Promise<void> {
    for (const instance of this.instances) await this.#deleteInstance(instance);
    for (const secret of this.secrets) {
      await this.#persist(() => this.#world.client.delete(this.#ref("v1", "Secret", secret.name)));
      secret.allowed = [undefined];
    }
  }

  async #write(write: Write): Promise<void> {
    if (await this.#carryOut(write)) this.done.set(write.type, (this.done.get(write.type) ?? 0) + 1);
  }

  /** False when there is nothing that could be changed. */
  async #carryOut(write: Write): Promise<boolean> {
    if ("secret" in write) {
      const secret = this.secrets[write.secret];
      if (secret === undefined) return false;
      if (write.type === "secret") await this.#writeSecret(secret);
      else await this.#deleteSecret(secret);
      return true;
    }
    const instance = this.instances[write.instance];
    if (instance === undefined) return false;
    if (write.type === "createInstance") {
      if (instance.spec !== undefined) return false;
      await this.#writeSpec(write.instance, parts, true);
      return true;
    }
    if (instance.spec === undefined) return false;
    if (write.type === "spec") await this.#writeSpec(write.instance, write.parts, write.deploy);
    else if ("child" in write) await this.#disturb(instance.spec, instance.name, write);
    else await this.#deleteInstance(instance);
    return true;
  }

  async #writeSecret(secret: Secret): Promise<void> {
    const n = ++this.#count;
    const data = { n: Buffer.from(String(n)).toString("base64") };
    const { namespace } = this.#world;
    const body = { apiVersion: "v1", kind: "Secret", metadata: { name: secret.name, namespace }, data };
    await this.#persist(() => this.#world.client.apply(body, foreign));
    secret.allowed = [n];
  }

  async #deleteSecret(secret: Secret): Promise<void> {
    await this.#persist(() => this.#world.client.delete(this.#ref("v1", "Secret", secret.name)));
    secret.allowed = [undefined];
  }

  async #writeSpec(index: number, wanted: readonly string[], deploy: boolean): Promise<void> {
    const instance = this.instances[index];
    if (instance === undefined) return;
    const last = index === this.instances.length - 1;
    const secret = this.secrets[last ? 1 : 0]?.name ?? "";
    const spec: Spec = { seq: ++this.#count, secret, parts: wanted, deploy, emit: last };
    const { client, apiVersion, kind, namespace } = this.#world;
    const body = { apiVersion, kind, metadata: { name: instance.name, namespace }, spec };
    await this.#persist(() => client.apply(body as unknown as KubeObject, foreign));
    instance.spec = spec;
  }

  async #deleteInstance(instance: Instance): Promise<void> {
    const { client, apiVersion, kind } = this.#world;
    const ref = this.#ref(apiVersion, kind, instance.name);
    await this.#persist(() => client.delete(ref));
    // An instance that is being deleted takes no spec any more.
    await this.#persist(async () => {
      const left = await client.get(ref);
      if (left !== undefined) throw new Error(`${instance.name} is still there: ${JSON.stringify(left["status"])}`);
    });
    // The release takes the Secret along that it renders, if it ever did.
    const emitted = this.secrets.find(({ name }) => instance.spec?.emit === true && name === instance.spec.secret);
    if (emitted !== undefined) emitted.allowed = [...emitted.allowed, undefined];
    instance.spec = undefined;
  }

  /** A foreign hand on a child: takes a field that is the controller's, or the whole object. */
  async #disturb(spec: Spec, name: string, write: Extract<Write, { instance: number; child: number }>): Promise<void> {
    const part = parts[write.child];
    const ref =
      part === undefined ? this.#ref("apps/v1", "Deployment", name) : this.#ref("v1", "ConfigMap", `${name}-${part}`);
    if (part === undefined ? !spec.deploy : !spec.parts.includes(part)) return;
    const { client } = this.#world;
    if (write.type === "deleteChild") {
      await this.#persist(() => client.delete(ref));
      return;
    }
    const annotations = { "chaos/spec": "edited" };
    const patch =
      part === undefined ? { spec: { template: { metadata: { annotations } } } } : { data: { spec: "edited" } };
    await this.#persist(() =>
      client.patch(ref, patch, { type: "merge", fieldManager: "chaos" }).catch((error: unknown) => {
        // Not made yet.
        if (!isKubeError(error, "KUBE_NOT_FOUND")) throw error;
      }),
    );
  }

  /** The API server may be down for a while; what is to be done is done when it is back. */
  async #persist(action: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await action();
        this.#requests++;
        this.#waitsFor = "";
        return;
      } catch (error) {
        this.#world.signal.throwIfAborted();
        this.#waitsFor = error instanceof Error ? error.message : String(error);
        await delay(againMs);
      }
    }
  }

  #ref(apiVersion: string, kind: string, name: string): ObjectRef {
    return { apiVersion, kind, namespace: this.#world.namespace, name };
  }
}
