import { describe, expect, it } from "vitest";
import { answerError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { secretType as secrets } from "../kube/resourceTypes.ts";
import { type Need, type Rule, readVerbs, releaseVerbs, type Verb } from "../release/rules.ts";
import { lookupNeeds } from "./needs.ts";
import { Rights } from "./rights.ts";

const account = { namespace: "ns", name: "worker" };
const nodes = { ...secrets, kind: "Node", plural: "nodes", namespaced: false };
const secret = (name: string, verbs: readonly Verb[] = readVerbs): Need => ({
  ...{ type: secrets, namespace: "ns", name, verbs },
});

function refused(detail: string) {
  const body = JSON.stringify({ kind: "Status", message: detail });
  return answerError({ method: "POST", path: "/apis/authorization.k8s.io/v1/x" }, { status: 403, body });
}

/** An API server whose answers the test changes as it goes. */
function setUp(own = false) {
  const server = {
    rules: [] as Rule[],
    incomplete: false,
    exists: true,
    failure: undefined as Error | undefined,
    single: (_: { verb: string; name: string }) => false,
    asked: [] as string[],
  };
  const client = {
    async create({ kind, spec }: KubeObject) {
      server.asked.push(kind);
      if (server.failure !== undefined) throw server.failure;
      const status =
        kind === "SelfSubjectRulesReview"
          ? { resourceRules: server.rules, incomplete: server.incomplete }
          : {
              allowed: server.single(
                (spec as { resourceAttributes: { verb: string; name: string } }).resourceAttributes,
              ),
            };
      return { status } as unknown as KubeObject;
    },
  };
  const get = async () => (server.exists ? ({} as KubeObject) : undefined);
  return { server, rights: new Rights({ own: { get }, client, account: own ? undefined : account }) };
}

const onSecret = (name: string, verbs: readonly string[] = readVerbs): Rule => ({
  ...{ apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs },
});

describe("Rights", () => {
  it("are asked for once, until a request is refused", async () => {
    const { server, rights } = setUp();
    server.rules = [onSecret("a")];
    await rights.require([secret("a")]);
    server.asked = [];
    await rights.require([secret("a")]);
    expect(server.asked).toEqual([]);
    rights.forget();
    server.rules = [];
    await expect(rights.require([secret("a")])).rejects.toMatchObject({ code: "RELEASE_RIGHTS_MISSING" });
  });

  it("that are missing are told together, with the rules that give them, until they are there", async () => {
    const { server, rights } = setUp();
    server.rules = [onSecret("a"), onSecret("b", ["get"])];
    const needs = [secret("a", releaseVerbs), secret("b"), { ...secret("c"), namespace: "other" }];
    const error = await rights.require(needs).catch((error: Error) => error);
    expect(error).toMatchObject({ code: "RELEASE_RIGHTS_MISSING" });
    expect((error as Error).message).toBe(
      "ServiceAccount ns/worker lacks rights on Secret; these RBAC rules give them: " +
        'in a Role of namespace ns: {"apiGroups":[""],"resources":["secrets"],"resourceNames":["a"],"verbs":["create","patch","delete"]}; ' +
        'in a Role of namespace ns: {"apiGroups":[""],"resources":["secrets"],"resourceNames":["b"],"verbs":["list","watch"]}; ' +
        'in a Role of namespace other: {"apiGroups":[""],"resources":["secrets"],"resourceNames":["c"],"verbs":["get","list","watch"]}',
    );
    server.rules = ["a", "b", "c"].map(name => onSecret(name, releaseVerbs));
    await rights.require(needs);
  });

  it("are asked one by one where the list of rules says that it is not complete, or cannot say", async () => {
    const { server, rights } = setUp();
    server.incomplete = true;
    server.single = ({ verb }) => verb !== "watch";
    const node: Need = { type: nodes, namespace: "", name: "n", verbs: readVerbs };
    const error = await rights.require([secret("a"), node]).catch((error: Error) => error);
    expect((error as Error).message).toContain('in a ClusterRole: {"apiGroups":[""],"resources":["nodes"]');
    expect((error as Error).message).toContain('"resourceNames":["a"],"verbs":["watch"]');
    server.single = () => true;
    await rights.require([secret("a"), node]);
  });

  it("need an account that exists, and that the controller may act as", async () => {
    const { server, rights } = setUp();
    server.exists = false;
    await expect(rights.require([])).rejects.toMatchObject({ code: "RELEASE_ACCOUNT_MISSING" });
    server.exists = true;
    server.failure = refused('User "atc" cannot impersonate resource "serviceaccounts"');
    await expect(rights.require([])).rejects.toMatchObject({ code: "RELEASE_IMPERSONATION_REFUSED" });
    server.failure = undefined;
    await rights.require([]);
  });

  it("that nobody may ask about are found out by doing", async () => {
    const { server, rights } = setUp(true);
    server.failure = refused("selfsubjectrulesreviews is forbidden");
    await rights.require([secret("a")]);
  });
});

describe("lookupNeeds", () => {
  const discovery = {
    preferred: async (_: string, kind: string) => ({ Secret: secrets, Node: nodes })[kind as "Secret" | "Node"],
  };
  const matcher = (namespace: string, groupKind: string, name: string) => ({ namespace, groupKind, name });

  it("are of what matchers name in full", async () => {
    const matchers = [
      ...[
        matcher("ns", "Secret", "a"),
        matcher("*", "Secret", "a"),
        matcher("ns", "Secret", "*"),
        matcher("ns", "*", "a"),
      ],
      ...[
        matcher("ns", "Unknown.x.com", "a"),
        matcher("", "Node", "n"),
        matcher("ns", "Node", "n"),
        matcher("", "Secret", "a"),
      ],
    ];
    const needs = await lookupNeeds(discovery, { clusterAccess: true, matchers });
    expect(needs.map(({ type, namespace, name }) => `${namespace}/${type.kind}:${name}`)).toEqual([
      "ns/Secret:a",
      "/Node:n",
    ]);
    expect(await lookupNeeds(discovery, { clusterAccess: false, matchers })).toEqual([]);
  });
});
