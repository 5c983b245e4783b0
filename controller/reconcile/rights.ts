/**
 * Whether one identity may do what a release is about to: asked before it is done, so that everything that is missing is
 * said at once.
 *
 * One SelfSubjectRulesReview answers for a namespace; what it leaves open is asked one by one. What was allowed counts
 * as allowed until a request is refused (`forget`); what is missing is asked anew each time. An authorizer that answers
 * no such questions is asked by doing.
 */

import type { Account } from "../airway/account.ts";
import type { KubeClient } from "../kube/client.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import { groupKind } from "../kube/object.ts";
import { allows, byNamespace, type Need, type Rule, rulesFor, type Verb } from "../release/rules.ts";
import { reconcileErrors } from "./errors.ts";

type Asking = Pick<KubeClient, "create">;

export interface RightsOptions {
  /** The controller's own. */
  readonly own: Pick<KubeClient, "get">;
  /** Of the identity. */
  readonly client: Asking;
  readonly account: Account | undefined;
}

interface NamespaceRules {
  readonly rules: readonly Rule[];
  /** There may be more than these. */
  readonly incomplete: boolean;
}

/** Things remembered; more are forgotten together. */
const mostRemembered = 10_000;
/** Shown in one message. */
const mostRules = 12;

export class Rights {
  readonly #options: RightsOptions;
  /** Needs that were allowed. */
  readonly #allowed = new Set<string>();
  #usable = false;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  /** @throws RELEASE_RIGHTS_MISSING, RELEASE_ACCOUNT_MISSING, RELEASE_IMPERSONATION_REFUSED */
  async require(needs: readonly Need[]): Promise<void> {
    await this.#requireAccount();
    const open = needs.filter(need => !this.#allowed.has(keyOf(need)));
    if (open.length === 0) return;
    const missing = (
      await Promise.all([...byNamespace(open)].map(([namespace, of]) => this.#missing(namespace, of)))
    ).flat();
    if (this.#allowed.size + open.length > mostRemembered) this.#allowed.clear();
    const lacking = new Set(missing.map(keyOfObject));
    for (const need of open) if (!lacking.has(keyOfObject(need))) this.#allowed.add(keyOf(need));
    if (missing.length > 0) throw missingError(this.#options.account, missing);
  }

  /** After a refused request, which knows better. */
  forget(): void {
    this.#allowed.clear();
    this.#usable = false;
  }

  /** The API server impersonates accounts that do not exist, too. */
  async #requireAccount(): Promise<void> {
    const { account, own } = this.#options;
    if (account === undefined || this.#usable) return;
    const { namespace, name } = account;
    const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace, name };
    const found = await own.get(ref, { metadataOnly: true }).catch((error: unknown) => {
      if (isKubeError(error, "KUBE_FORBIDDEN")) throw refusedError(account, error);
      throw error;
    });
    if (found === undefined) throw reconcileErrors.RELEASE_ACCOUNT_MISSING({ account: `${namespace}/${name}` });
    await this.#rules(namespace);
    this.#usable = true;
  }

  /** The part of the needs that is not allowed. */
  async #missing(namespace: string, needs: readonly Need[]): Promise<Need[]> {
    // Rules of a namespace say nothing about cluster-scoped objects.
    const known = namespace === "" ? { rules: [], incomplete: true } : await this.#rules(namespace);
    if (known === undefined) return [];
    const { rules, incomplete } = known;
    const asked = await Promise.all(
      needs.map(async need => {
        const open = need.verbs.filter(verb => !allows(rules, need, verb));
        const answers = incomplete ? await Promise.all(open.map(verb => this.#may(need, verb))) : open.map(() => false);
        return { ...need, verbs: open.filter((_, at) => answers[at] === false) };
      }),
    );
    return asked.filter(({ verbs }) => verbs.length > 0);
  }

  /** undefined: the API server does not say. */
  async #rules(namespace: string): Promise<NamespaceRules | undefined> {
    const status = await this.#ask("SelfSubjectRulesReview", { namespace });
    if (status === undefined) return undefined;
    const { resourceRules = [], incomplete = false } = status as { resourceRules?: Rule[]; incomplete?: boolean };
    return { rules: resourceRules, incomplete };
  }

  async #may({ type: { group, plural }, namespace, name }: Need, verb: Verb): Promise<boolean> {
    const resourceAttributes = { namespace, name, verb, group, resource: plural };
    const status = await this.#ask("SelfSubjectAccessReview", { resourceAttributes });
    return (status as { allowed?: boolean } | undefined)?.allowed !== false;
  }

  async #ask(kind: string, spec: unknown): Promise<unknown> {
    const { account, client } = this.#options;
    const review = { apiVersion: "authorization.k8s.io/v1", kind, metadata: { name: "" }, spec };
    try {
      return (await client.create(review, { fieldManager: controllerName }))["status"];
    } catch (error) {
      if (!isKubeError(error, "KUBE_FORBIDDEN", "KUBE_UNKNOWN_KIND")) throw error;
      if (account !== undefined && error.message.includes("cannot impersonate")) throw refusedError(account, error);
      return undefined;
    }
  }
}

function keyOfObject({ type: { group, plural }, namespace, name }: Need): string {
  return `${group}|${plural}|${namespace}|${name}`;
}

function keyOf(need: Need): string {
  return `${keyOfObject(need)}|${need.verbs.join()}`;
}

function refusedError({ namespace, name }: Account, { message }: Error): Error {
  return reconcileErrors.RELEASE_IMPERSONATION_REFUSED({ account: `${namespace}/${name}`, detail: message });
}

function missingError(account: Account | undefined, missing: readonly Need[]): Error {
  const who = account === undefined ? "the controller" : `ServiceAccount ${account.namespace}/${account.name}`;
  const kinds = [...new Set(missing.map(({ type }) => groupKind(type)))].join(", ");
  const rules = [...byNamespace(missing)].flatMap(([namespace, needs]) => {
    const where = namespace === "" ? "in a ClusterRole" : `in a Role of namespace ${namespace}`;
    return rulesFor(needs).map(rule => `${where}: ${JSON.stringify(rule)}`);
  });
  const more = rules.length > mostRules ? [`and ${rules.length - mostRules} more`] : [];
  return reconcileErrors.RELEASE_RIGHTS_MISSING({ who, kinds, rules: [...rules.slice(0, mostRules), ...more] });
}
