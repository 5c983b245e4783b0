/**
 * Follows the ConfigMaps that say when objects of a kind are ready, all over the cluster. A change counts at once for
 * all that is tracked of the kind, and renders nothing.
 */

import { type CodedError, describeError } from "../../lib/errors.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject, ResourceType } from "../kube/object.ts";
import { nameKey, type Reflector, type ReflectorHandler } from "../kube/reflector.ts";
import { configMapType } from "../kube/resourceTypes.ts";
import type { Logger } from "../observe/log.ts";
import { CustomReadiness, concerns, readinessLabel, readRules } from "../release/customReadiness.ts";

export interface ReadinessRulesOptions {
  openReflector(scope: { type: ResourceType; labelSelector: string; handler: ReflectorHandler }): Reflector;
  /** Objects of these kinds are judged by other rules now. */
  changed(concerns: (type: ResourceType) => boolean): void;
  /** Something in the ConfigMap has no effect. */
  problem(configMap: KubeObject, error: CodedError): void;
  readonly log: Logger;
}

/** As they are now; none where they may not be listed. */
export async function listReadiness(client: Pick<KubeClient, "list">): Promise<CustomReadiness> {
  const custom = new CustomReadiness();
  try {
    const { items } = await client.list(configMapType, { labelSelector: readinessLabel });
    for (const configMap of items) custom.set(nameKey(configMap.metadata), readRules(configMap).rules);
  } catch (error) {
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
  }
  return custom;
}

interface Told {
  readonly configMap: KubeObject;
  readonly problems: readonly CodedError[];
}

export class ReadinessRules {
  readonly custom = new CustomReadiness();
  readonly reflector: Reflector;
  /** Resolves when the rules are known, or cannot be for want of a right. */
  readonly known: Promise<void>;
  readonly #options: ReadinessRulesOptions;
  readonly #seen = Promise.withResolvers<void>();
  readonly #told = new Map<string, Told>();
  #forbidden = false;

  constructor(options: ReadinessRulesOptions) {
    this.#options = options;
    this.known = this.#seen.promise;
    this.reflector = options.openReflector({
      type: configMapType,
      labelSelector: readinessLabel,
      handler: {
        upsert: object => this.#take(object),
        delete: object => this.#drop(nameKey(object.metadata)),
        listed: present => this.#listed(present),
        failed: error => this.#failed(error),
      },
    });
  }

  start(): void {
    this.reflector.start();
  }

  async stop(): Promise<void> {
    this.#seen.resolve();
    await this.reflector.stop();
  }

  /** Once more, for who could not be told before. */
  tellProblems(): void {
    for (const { configMap, problems } of this.#told.values()) {
      for (const problem of problems) this.#options.problem(configMap, problem);
    }
  }

  #take(configMap: KubeObject): void {
    const name = nameKey(configMap.metadata);
    const { rules, problems } = readRules(configMap);
    this.#told.set(name, { configMap, problems });
    for (const problem of problems) this.#options.problem(configMap, problem);
    this.#announce(this.custom.set(name, rules));
  }

  #drop(name: string): void {
    this.#told.delete(name);
    this.#announce(this.custom.set(name, new Map()));
  }

  #listed(present: ReadonlySet<string>): void {
    for (const name of [...this.#told.keys()]) if (!present.has(name)) this.#drop(name);
    this.#forbidden = false;
    this.#seen.resolve();
  }

  #announce(keys: readonly string[]): void {
    if (keys.length > 0) this.#options.changed(type => concerns(keys, type));
  }

  #failed(error: Error): void {
    if (!isKubeError(error, "KUBE_FORBIDDEN")) return;
    this.#seen.resolve();
    if (this.#forbidden) return;
    this.#forbidden = true;
    this.#options.log.warn({ error: describeError(error) }, "ConfigMaps with readiness rules are not looked for");
  }
}
