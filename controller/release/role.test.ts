import { describe, expect, it } from "vitest";
import { actingRole, roleFor } from "./role.ts";
import { type Need, readVerbs, releaseVerbs } from "./rules.ts";

const account = { namespace: "team", name: "worker" };
const typeOf = (plural: string, group = "", namespaced = true) => ({
  ...{ group, plural, namespaced, version: "v1", apiVersion: `${group}/v1`, kind: plural },
});
const need = (plural: string, name: string, verbs: Need["verbs"], namespace = "team", group = ""): Need => ({
  ...{ type: typeOf(plural, group, namespace !== ""), namespace, name, verbs },
});

describe("roleFor", () => {
  it("gives kinds to make, names to look up, and Secrets by name only", () => {
    const needs = [
      need("deployments", "a", releaseVerbs, "team", "apps"),
      need("deployments", "b", releaseVerbs, "team", "apps"),
      need("secrets", "made", releaseVerbs),
      need("secrets", "read", readVerbs),
      need("configmaps", "settings", readVerbs, "shared"),
      need("namespaces", "x", releaseVerbs, ""),
    ];
    const objects = roleFor({ name: "backends.x.com", account, needs });
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`)).toEqual([
      "ServiceAccount team/worker",
      ...["Role team/backends.x.com", "RoleBinding team/backends.x.com"],
      ...["Role shared/backends.x.com", "RoleBinding shared/backends.x.com"],
      ...["ClusterRole /backends.x.com", "ClusterRoleBinding /backends.x.com"],
    ]);
    expect(objects[1]?.["rules"]).toEqual([
      { apiGroups: ["apps"], resources: ["deployments"], verbs: releaseVerbs },
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["made"], verbs: releaseVerbs },
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["read"], verbs: readVerbs },
    ]);
    expect(JSON.stringify(objects)).not.toContain("*");
    for (const binding of objects.filter(({ kind }) => kind.endsWith("Binding"))) {
      expect(binding["subjects"]).toEqual([{ kind: "ServiceAccount", namespace: "team", name: "worker" }]);
    }
  });
});

describe("actingRole", () => {
  it("lets the controller be that account, and nobody else", () => {
    const mark = { key: "mark", value: "true" };
    const objects = actingRole({ name: "b", account, controller: { namespace: "atc", name: "atc" }, mark });
    expect(objects.flatMap(({ rules = [] }) => rules)).toEqual([
      { apiGroups: [""], resources: ["serviceaccounts"], resourceNames: ["worker"], verbs: ["get", "impersonate"] },
      {
        ...{ apiGroups: ["authentication.k8s.io"], resources: ["userextras/mark"], resourceNames: ["true"] },
        verbs: ["impersonate"],
      },
    ]);
    expect(objects[0]?.metadata.namespace).toBe("team");
  });
});
