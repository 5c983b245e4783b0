/** What a release takes of rights: before it is rendered, and before it is applied. */

import type { Matcher } from "../airway/matcher.ts";
import type { Discovery } from "../kube/discovery.ts";
import { type KubeObject, refOf } from "../kube/object.ts";
import { type Need, readVerbs, releaseVerbs } from "../release/rules.ts";
import type { ReleaseSpec } from "./releaseSpec.ts";

/** An Airway's matchers are read once; which version of a kind they mean makes no difference to a right. */
const known = new WeakMap<readonly Matcher[], Promise<Need[]>>();

/**
 * The objects that the matchers name in full. What they leave open is what a flight may look up at most, not what it will.
 */
export async function lookupNeeds(
  discovery: Pick<Discovery, "preferred">,
  { clusterAccess, matchers }: Pick<ReleaseSpec, "clusterAccess" | "matchers">,
): Promise<Need[]> {
  if (!clusterAccess) return [];
  const needs = known.get(matchers) ?? needsOf(discovery, matchers);
  known.set(matchers, needs);
  needs.catch(() => known.delete(matchers));
  return needs;
}

async function needsOf(discovery: Pick<Discovery, "preferred">, matchers: readonly Matcher[]): Promise<Need[]> {
  const named = matchers.filter(matcher => !Object.values(matcher).includes("*") && matcher.name !== "");
  const needs = await Promise.all(
    named.map(async ({ namespace, groupKind, name }): Promise<Need[]> => {
      const dot = groupKind.indexOf(".");
      const [kind, group] = dot < 0 ? [groupKind, ""] : [groupKind.slice(0, dot), groupKind.slice(dot + 1)];
      const type = await discovery.preferred(group, kind);
      // Nothing matches a namespaced object without a namespace, nor the reverse.
      if (type === undefined || type.namespaced !== (namespace !== "")) return [];
      return [{ type, namespace, name, verbs: readVerbs }];
    }),
  );
  return needs.flat();
}

/** Of the kinds that are served by now. */
export async function outputNeeds(
  discovery: Pick<Discovery, "resolve">,
  stages: readonly (readonly KubeObject[])[],
): Promise<Need[]> {
  const needs = await Promise.all(
    stages.flat().map(async (object): Promise<Need[]> => {
      const { apiVersion, kind, namespace, name } = refOf(object);
      const type = await discovery.resolve(apiVersion, kind);
      return type === undefined ? [] : [{ type, namespace, name, verbs: releaseVerbs }];
    }),
  );
  return needs.flat();
}
