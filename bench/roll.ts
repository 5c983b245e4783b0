/**
 * Secret written → Deployment patched, as a ratio to the bare cost of the same thing.
 *
 * Bare: write the Secret, receive its watch event, apply the one Deployment, see it on a watch; nothing rendered, no
 * controller. The two alternate in one run, so that both meet the same machine.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../controller/kube/client.ts";
import type { KubeObject } from "../controller/kube/object.ts";
import { createReflector, type Reflector } from "../controller/kube/reflector.ts";
import { describe, type Row, type Summary, summary } from "./stats.ts";
import { asBench } from "./work.ts";

/** Waits for events of one object. */
class Observer {
  #waiting: { fulfils: (object: KubeObject) => boolean; resolve: () => void } | undefined;
  #latest: KubeObject | undefined;
  readonly reflector: Reflector;

  constructor(reflectorFor: (see: (object: KubeObject) => void) => Reflector) {
    this.reflector = reflectorFor(object => {
      this.#latest = object;
      if (this.#waiting?.fulfils(object) !== true) return;
      this.#waiting.resolve();
      this.#waiting = undefined;
    });
  }

  /** The first that fulfils it from now on. */
  next(fulfils: (object: KubeObject) => boolean): Promise<void> {
    return new Promise(resolve => {
      this.#waiting = { fulfils, resolve };
    });
  }

  /** The present state, or else the next that fulfils it. */
  async until(fulfils: (object: KubeObject) => boolean): Promise<void> {
    if (this.#latest === undefined || !fulfils(this.#latest)) await this.next(fulfils);
  }
}

export interface RollBench {
  readonly bare: Summary;
  readonly atc: Summary;
}

/** `name` is an instance whose Secret and Deployment carry its name; `key` is the Secret's key. */
export async function measureRoll(
  client: KubeClient,
  options: { namespace: string; name: string; trials: number; warmUp: number },
): Promise<RollBench> {
  const { namespace, name, trials, warmUp } = options;
  const model = await client.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
  if (model === undefined) throw new Error(`there is no Deployment ${namespace}/${name} to measure`);
  const bareName = `${name}-bare`;
  const secret = await observe(client, "v1", "Secret", namespace, bareName);
  const bareDeployment = await observe(client, "apps/v1", "Deployment", namespace, bareName);
  const deployment = await observe(client, "apps/v1", "Deployment", namespace, name);
  let template = JSON.stringify((model["spec"] as { template: unknown }).template);
  const samples = { bare: [] as number[], atc: [] as number[] };
  for (let trial = -warmUp; trial < trials; trial += 1) {
    const value = `value-${trial}-${Date.now()}`;
    const bare = await timed(async () => {
      const seen = secret.next(object => textOf(object) === value);
      const rolled = bareDeployment.next(object => JSON.stringify(object["spec"]).includes(value));
      void writeSecret(client, namespace, bareName, value);
      await seen;
      await client.apply(bareRoll(model, bareName, value), asBench);
      await rolled;
    });
    await settle(bareDeployment);
    const atc = await timed(async () => {
      const rolled = deployment.next(object => {
        const now = JSON.stringify((object["spec"] as { template: unknown }).template);
        const changed = now !== template;
        template = now;
        return changed;
      });
      void writeSecret(client, namespace, name, value);
      await rolled;
    });
    await settle(deployment);
    if (trial < 0) continue;
    samples.bare.push(bare);
    samples.atc.push(atc);
  }
  await Promise.all([secret, bareDeployment, deployment].map(observer => observer.reflector.stop()));
  return { bare: summary(samples.bare), atc: summary(samples.atc) };
}

export function rollRows({ bare, atc }: RollBench): Row[] {
  return [
    { what: "bare cost: Secret written → one Deployment applied by hand", value: describe(bare) },
    { what: "Secret written → Deployment patched by the ATC", value: describe(atc) },
    { what: "ratio p50", value: `${(atc.p50 / bare.p50).toFixed(2)} × bare`, bound: "≤ 1.3 × bare" },
    { what: "ratio p99", value: `${(atc.p99 / bare.p99).toFixed(2)} × bare`, bound: "≤ 2 × bare" },
  ];
}

export async function observe(client: KubeClient, apiVersion: string, kind: string, namespace: string, name: string) {
  const type = await client.discovery.resolve(apiVersion, kind);
  if (type === undefined) throw new Error(`the API server does not serve ${kind}`);
  const observer = new Observer(see =>
    createReflector({ client, type, namespace, name, handler: { upsert: see, listed: () => {}, delete: () => {} } }),
  );
  observer.reflector.start();
  await observer.reflector.synced;
  return observer;
}

export function writeSecret(client: KubeClient, namespace: string, name: string, value: string): Promise<unknown> {
  const data = { hello: Buffer.from(value).toString("base64") };
  return client.apply({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data }, asBench);
}

function textOf(secret: KubeObject): string {
  return Buffer.from((secret["data"] as { hello?: string } | undefined)?.hello ?? "", "base64").toString();
}

/** As large as the Deployment that the flight renders, so that both applies cost the same. */
export function bareRoll(model: KubeObject, name: string, value: string): KubeObject {
  const spec = structuredClone(model["spec"]) as {
    selector: { matchLabels: Record<string, string> };
    template: { metadata: { labels: Record<string, string>; annotations?: Record<string, string> } };
  };
  spec.selector.matchLabels = { app: name };
  spec.template.metadata.labels = { app: name };
  spec.template.metadata.annotations = { value };
  const { namespace = "", labels = {}, annotations = {} } = model.metadata;
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace, labels, annotations }, spec };
}

async function timed(action: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/**
 * Lets the rollout of a trial end before the next one begins, and what is written about it. A Deployment whose status is
 * written in the moment of the next roll costs the ATC, which writes over no version that it has not seen, one read more.
 */
async function settle(deployment: Observer): Promise<void> {
  await deployment.until(({ metadata, spec, status }) => {
    const { replicas } = spec as { replicas: number };
    const told = (status ?? {}) as Record<string, number | undefined>;
    const counts = ["replicas", "updatedReplicas", "availableReplicas"].map(count => told[count] ?? 0);
    return told["observedGeneration"] === metadata.generation && counts.every(count => count === replicas);
  });
  await delay(60);
}
