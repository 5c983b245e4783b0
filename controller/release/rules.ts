/** RBAC rules: what they allow, and which ones give what is needed. Pure. */

import type { ResourceType } from "../kube/object.ts";

/** What looking at an object takes: its exact watch lists first. */
export const readVerbs = ["get", "list", "watch"] as const;
/** What an object of a release takes. */
export const releaseVerbs = [...readVerbs, "create", "patch", "delete"] as const;
export type Verb = (typeof releaseVerbs)[number];

/** `rbac.authorization.k8s.io/v1`, PolicyRule. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[] | undefined;
  readonly verbs: readonly string[];
}

/** One object, which need not exist. */
export interface Need {
  readonly type: ResourceType;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly verbs: readonly Verb[];
}

/** Requests for one object name it, also the list and the watch of an exact watch, and a creation by apply. */
export function allows(rules: readonly Rule[], { type, name }: Need, verb: Verb): boolean {
  return rules.some(
    ({ apiGroups, resources, resourceNames = [], verbs }) =>
      covers(verbs, verb) &&
      covers(apiGroups, type.group) &&
      covers(resources, type.plural) &&
      (resourceNames.length === 0 || resourceNames.includes(name)),
  );
}

function covers(listed: readonly string[], wanted: string): boolean {
  return listed.includes(wanted) || listed.includes("*");
}

/** The least rules that give all needs of one namespace: by name, where `byName` says so. */
export function rulesFor(needs: readonly Need[], byName: (need: Need) => boolean = () => true): Rule[] {
  const objects = new Map<string, { need: Need; verbs: Set<Verb> }>();
  for (const need of needs) {
    const name = byName(need) ? need.name : "";
    const key = `${need.type.group}/${need.type.plural}/${name}`;
    const known = objects.get(key) ?? { need: { ...need, name }, verbs: new Set() };
    for (const verb of need.verbs) known.verbs.add(verb);
    objects.set(key, known);
  }
  const rules = new Map<string, { rule: Rule; names: string[] }>();
  for (const { need, verbs } of objects.values()) {
    const { group, plural } = need.type;
    const listed = releaseVerbs.filter(verb => verbs.has(verb));
    const key = `${group}/${plural}/${listed.join()}/${need.name === ""}`;
    const rule: Rule = { apiGroups: [group], resources: [plural], verbs: listed };
    const known: { rule: Rule; names: string[] } = rules.get(key) ?? { rule, names: [] };
    if (need.name !== "") known.names.push(need.name);
    rules.set(key, known);
  }
  return [...rules.values()].map(({ rule: { apiGroups, resources, verbs }, names }) => ({
    apiGroups,
    resources,
    ...(names.length === 0 ? {} : { resourceNames: names.sort() }),
    verbs,
  }));
}

/** By namespace, in their order; cluster-scoped ones under the empty name. */
export function byNamespace(needs: readonly Need[]): Map<string, Need[]> {
  const groups = new Map<string, Need[]>();
  for (const need of needs) groups.set(need.namespace, [...(groups.get(need.namespace) ?? []), need]);
  return groups;
}
