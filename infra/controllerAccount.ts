/** Who the controller is to the API server: a ServiceAccount with the rights of rights.ts, on every substrate the same. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterRules, ownRules, type Rule, workRules } from "./rights.ts";
import type { Wanted } from "./substrate/substrate.ts";

export interface ControllerAccount {
  readonly name: pulumi.Output<string>;
  /** Another one, and tokens of the former are void. */
  readonly uid: pulumi.Output<string>;
  /** What has to be there before the controller begins, and until it has ended. */
  readonly rights: readonly pulumi.Resource[];
}

/** The account, one ClusterRole, and a Role in each namespace; bound to it. */
export function controllerAccount(
  name: string,
  { namespace, served, workNamespaces }: Wanted & { readonly namespace: pulumi.Input<string> },
  options: pulumi.CustomResourceOptions,
): ControllerAccount {
  const { rbac } = kubernetes;
  const apiGroup = "rbac.authorization.k8s.io";
  const account = new kubernetes.core.v1.ServiceAccount(name, { metadata: { name, namespace } }, options);
  const subjects = [{ kind: "ServiceAccount", name: account.metadata.name, namespace: account.metadata.namespace }];
  const clusterRole = new rbac.v1.ClusterRole(name, { metadata: { name }, rules: clusterRules(served) }, options);
  const clusterBinding = new rbac.v1.ClusterRoleBinding(
    name,
    {
      metadata: { name },
      roleRef: { apiGroup, kind: "ClusterRole", name: clusterRole.metadata.name },
      subjects,
    },
    options,
  );
  const bindRole = (id: string, where: pulumi.Input<string>, rules: readonly Rule[]): pulumi.Resource => {
    const role = new rbac.v1.Role(id, { metadata: { name: id, namespace: where }, rules: [...rules] }, options);
    const roleRef = { apiGroup, kind: "Role", name: role.metadata.name };
    return new rbac.v1.RoleBinding(id, { metadata: { name: id, namespace: where }, roleRef, subjects }, options);
  };
  return {
    name: account.metadata.name,
    uid: pulumi.output(account.metadata.uid),
    rights: [
      clusterBinding,
      bindRole(`${name}-flights`, namespace, ownRules),
      ...workNamespaces.map(where => bindRole(`${name}-${where}`, where, workRules)),
    ],
  };
}
