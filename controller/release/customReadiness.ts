/**
 * What users say makes objects of a kind ready (contract §2.4): ConfigMaps in any namespace with the label
 * `resource.yoke.cd/readiness`. A key names a kind (`Certificate.cert-manager.io`), or with `_` all kinds of a group
 * (`_.cert-manager.io`); its value the conditions that must all hold, none for "ready at once".
 *
 * Differences from yoke: where several ConfigMaps have one key, all of them count, instead of the one that was seen last;
 * and Lua is not run. A script would have to run for every event of every object, in the thread that serves everybody or
 * with a way to a worker and back; what it can say beyond conditions is little. So a kind with a script is never ready,
 * and its release says why: "ready" would be a guess.
 */

import type { CodedError } from "../../lib/errors.ts";
import { groupKind, type KubeObject, parseApiVersion } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { isBuiltIn } from "./readiness.ts";

export const readinessLabel = "resource.yoke.cd/readiness";

/** When objects of a kind are ready. */
export interface ReadinessRule {
  /** Types of conditions that must all be True. */
  readonly conditions: readonly string[];
  /** Nobody can tell when; none is. */
  readonly refused: CodedError | undefined;
}

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface ReadRules {
  /** By key of the ConfigMap. */
  readonly rules: ReadonlyMap<string, ReadinessRule>;
  /** RELEASE_READINESS_LUA, RELEASE_READINESS_INVALID */
  readonly problems: readonly CodedError[];
}

export function readRules(configMap: KubeObject): ReadRules {
  const { namespace = "", name, labels } = configMap.metadata;
  const where = `ConfigMap ${namespace}/${name}`;
  const language = labels?.[readinessLabel];
  if (language !== "conditions" && language !== "lua") {
    const problem = `label ${readinessLabel} must be conditions or lua`;
    return { rules: new Map(), problems: [errors.RELEASE_READINESS_INVALID({ where, problem })] };
  }
  const rules = new Map<string, ReadinessRule>();
  const problems: CodedError[] = [];
  for (const [key, value] of Object.entries((configMap["data"] ?? {}) as Record<string, string>)) {
    const at = `${where}, key ${key}`;
    const problem = problemOfKey(key);
    if (problem !== undefined) {
      problems.push(errors.RELEASE_READINESS_INVALID({ where: at, problem }));
      continue;
    }
    const rule = language === "lua" ? luaRule(at) : conditionsRule(at, value);
    rules.set(key, rule);
    if (rule.refused !== undefined) problems.push(rule.refused);
  }
  return { rules, problems };
}

/** A kind or `_`, then the group, which the core group has not. */
const keyPattern = /^(?:_|[A-Za-z][A-Za-z0-9-]*)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

function problemOfKey(key: string): string | undefined {
  if (!keyPattern.test(key)) return "is neither Kind.group nor _.group";
  const dot = key.indexOf(".");
  const [kind, group] = dot < 0 ? [key, ""] : [key.slice(0, dot), key.slice(dot + 1)];
  return isBuiltIn({ apiVersion: group === "" ? "v1" : `${group}/v1`, kind })
    ? "names a kind whose readiness is built in"
    : undefined;
}

function luaRule(where: string): ReadinessRule {
  return { conditions: [], refused: errors.RELEASE_READINESS_LUA({ where }) };
}

/** Source: metav1.Condition, whose types are qualified names. */
const conditionPattern = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

function conditionsRule(where: string, value: string): ReadinessRule {
  const conditions = [...new Set(value.split(/\s+/).filter(type => type !== ""))];
  if (conditions.every(type => type.length <= 316 && conditionPattern.test(type))) {
    return { conditions, refused: undefined };
  }
  const problem = "is no list of condition types, separated by spaces";
  return { conditions: [], refused: errors.RELEASE_READINESS_INVALID({ where, problem }) };
}

/** The rules of all ConfigMaps that are known. */
export class CustomReadiness {
  readonly #byConfigMap = new Map<string, ReadonlyMap<string, ReadinessRule>>();
  /** Of all ConfigMaps together, by key. */
  readonly #rules = new Map<string, ReadinessRule>();

  /** Returns the keys whose rule is another now. An empty map: the ConfigMap is gone. */
  set(configMap: string, rules: ReadonlyMap<string, ReadinessRule>): string[] {
    const former = this.#byConfigMap.get(configMap) ?? new Map<string, ReadinessRule>();
    if (rules.size === 0) this.#byConfigMap.delete(configMap);
    else this.#byConfigMap.set(configMap, rules);
    return [...new Set([...former.keys(), ...rules.keys()])].filter(key => this.#update(key));
  }

  /** undefined: nobody says anything about the kind. */
  ruleFor(kind: Kind): ReadinessRule | undefined {
    if (this.#rules.size === 0 || isBuiltIn(kind)) return undefined;
    return this.#rules.get(groupKind(kind)) ?? this.#rules.get(groupKey(kind));
  }

  #update(key: string): boolean {
    const named = [...this.#byConfigMap.values()].flatMap(rules => rules.get(key) ?? []);
    const before = this.#rules.get(key);
    const conditions = [...new Set(named.flatMap(rule => rule.conditions))].sort();
    const refused = named.find(rule => rule.refused !== undefined)?.refused;
    if (named.length === 0) this.#rules.delete(key);
    else this.#rules.set(key, { conditions, refused });
    return !isSame(before, this.#rules.get(key));
  }
}

/** Whether one of these keys of a ConfigMap is about the kind. */
export function concerns(keys: readonly string[], kind: Kind): boolean {
  return keys.includes(groupKind(kind)) || keys.includes(groupKey(kind));
}

function groupKey({ apiVersion }: Kind): string {
  const { group } = parseApiVersion(apiVersion);
  return group === "" ? "_" : `_.${group}`;
}

function isSame(a: ReadinessRule | undefined, b: ReadinessRule | undefined): boolean {
  return (
    (a === undefined) === (b === undefined) &&
    a?.refused?.message === b?.refused?.message &&
    a?.conditions.join(" ") === b?.conditions.join(" ")
  );
}
