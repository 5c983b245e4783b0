/** `atc role`: a ServiceAccount for an Airway with the least rights, from its matchers and what its releases are. */

import { type Account, accountOf, accountUser, controllerMark } from "../../airway/account.ts";
import { parseAirway } from "../../airway/spec.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { KubeObject, ObjectRef } from "../../kube/object.ts";
import { lookupNeeds } from "../../reconcile/needs.ts";
import { readRecord } from "../../release/record.ts";
import { actingRole, roleFor } from "../../release/role.ts";
import { type Need, readVerbs, releaseVerbs, type Verb } from "../../release/rules.ts";
import type { Answer } from "../answer.ts";
import type { Cluster } from "../cluster.ts";
import { errors } from "../errors.ts";
import { airwayKind } from "../owner.ts";
import { yamlOf } from "../yaml.ts";

export interface RoleOptions {
  /** `[<namespace>/]<name>`; by default what the Airway names, or `flights`. */
  readonly account?: string;
  /** `<namespace>/<name>` of the controller's own account. */
  readonly controller: string;
}

export async function role(cluster: Cluster, words: readonly string[], options: RoleOptions): Promise<Answer> {
  const { client, namespace } = cluster;
  const [word = "", ...rest] = words;
  if (rest.length > 0) throw errors.CLI_USAGE({ problem: `"${rest.join(" ")}" is not expected: one Airway at a time` });
  const name = word.replace(/^airways?(\.yoke\.cd)?\//, "");
  const airway = await client.get({ ...airwayKind, namespace: "", name });
  if (airway === undefined) throw errors.CLI_OBJECT_MISSING({ object: `Airway ${name}` });
  const spec = parseAirway(airway);
  const named = await lookupNeeds(client.discovery, { ...spec, matchers: spec.resourceAccessMatchers });
  const text = options.account ?? spec.serviceAccountName ?? "flights";
  const accounts = new Map<string, { account: Account; needs: Need[] }>();
  const add = (home: string, needs: readonly Need[]) => {
    const account = accountOf(text, home) ?? { namespace: home, name: text };
    const known = accounts.get(accountUser(account)) ?? { account, needs: [...named] };
    known.needs.push(...needs);
    accounts.set(accountUser(account), known);
  };
  const type = await client.discovery.resolve(spec.apiVersion, spec.kind);
  const { items } = type === undefined ? { items: [] } : await client.list(type);
  for (const instance of items) add(instance.metadata.namespace ?? namespace, await needsOf(client, instance));
  // Before the first instance there is the account at least.
  if (accounts.size === 0) add(namespace, []);
  const controller = accountOf(options.controller, namespace) ?? { namespace, name: options.controller };
  const objects = [...accounts.values()].flatMap(({ account, needs }) => {
    const of = { name: `${name}:${account.namespace}:${account.name}`, account };
    return [...roleFor({ ...of, needs }), ...actingRole({ ...of, controller, mark: controllerMark })];
  });
  return {
    data: { apiVersion: "v1", kind: "List", items: objects },
    text: objects.map(yamlOf).join("---\n").trimEnd(),
  };
}

async function needsOf({ discovery }: Pick<KubeClient, "discovery">, instance: KubeObject): Promise<Need[]> {
  const { lookups, inventory } = readRecord(instance);
  const needOf = async ({ apiVersion, kind, namespace, name }: ObjectRef, verbs: readonly Verb[]): Promise<Need[]> => {
    const type = await discovery.resolve(apiVersion, kind);
    return type === undefined ? [] : [{ type, namespace, name, verbs }];
  };
  const needs = await Promise.all([
    ...lookups.map(ref => needOf(ref, readVerbs)),
    ...inventory.map(entry => needOf(entry, releaseVerbs)),
  ]);
  return needs.flat();
}
