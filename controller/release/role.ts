/** The least roles under which a release works, as objects to apply. Pure. */

import type { KubeObject } from "../kube/object.ts";
import { byNamespace, type Need, type Rule, rulesFor } from "./rules.ts";

interface Subject {
  readonly namespace: string;
  readonly name: string;
}

export interface RoleRequest {
  /** Of the roles and bindings. */
  readonly name: string;
  /** Who gets the rights. */
  readonly account: Subject;
  /** Of all renders so far. */
  readonly needs: readonly Need[];
}

const rbac = "rbac.authorization.k8s.io";

/**
 * The account and its rights. What a release makes is given by kind in each namespace, because the next instance has
 * other names; what is only looked up, and Secrets in any case, by name.
 */
export function roleFor({ name, account, needs }: RoleRequest): KubeObject[] {
  const roles = [...byNamespace(needs)].flatMap(([namespace, of]) => {
    return boundRole({ name, namespace, rules: rulesFor(of, isNamed), subject: account });
  });
  return [{ apiVersion: "v1", kind: "ServiceAccount", metadata: { ...account } }, ...roles];
}

function isNamed({ type, verbs }: Need): boolean {
  return !verbs.includes("create") || (type.group === "" && type.plural === "secrets");
}

export interface ActingRequest {
  readonly name: string;
  readonly account: Subject;
  readonly controller: Subject;
  /** See `controllerMark`. */
  readonly mark: { readonly key: string; readonly value: string };
}

/** What the controller needs to act as the account. */
export function actingRole({ name, account, controller, mark }: ActingRequest): KubeObject[] {
  const asAccount = {
    apiGroups: [""],
    resources: ["serviceaccounts"],
    resourceNames: [account.name],
    verbs: ["get", "impersonate"],
  };
  const marked = {
    apiGroups: ["authentication.k8s.io"],
    resources: [`userextras/${mark.key}`],
    resourceNames: [mark.value],
    verbs: ["impersonate"],
  };
  return [
    ...boundRole({ name: `${name}-acting`, namespace: account.namespace, rules: [asAccount], subject: controller }),
    ...boundRole({ name: `${name}-acting`, namespace: "", rules: [marked], subject: controller }),
  ];
}

interface BoundRole {
  readonly name: string;
  /** Empty: a ClusterRole. */
  readonly namespace: string;
  readonly rules: readonly Rule[];
  readonly subject: Subject;
}

function boundRole({ name, namespace, rules, subject }: BoundRole): KubeObject[] {
  const kind = namespace === "" ? "ClusterRole" : "Role";
  const metadata = namespace === "" ? { name } : { name, namespace };
  const roleRef = { apiGroup: rbac, kind, name };
  const subjects = [{ kind: "ServiceAccount", ...subject }];
  return [
    { apiVersion: `${rbac}/v1`, kind, metadata, rules },
    { apiVersion: `${rbac}/v1`, kind: `${kind}Binding`, metadata: { ...metadata }, roleRef, subjects },
  ];
}
