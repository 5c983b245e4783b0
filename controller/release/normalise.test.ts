import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { normalise, ownerKey, type ReleaseIdentity, releaseName, type Scope } from "./normalise.ts";

const backend: KubeObject = {
  apiVersion: "examples.com/v1",
  kind: "Backend",
  metadata: { name: "nginx", namespace: "demo", uid: "backend-uid", resourceVersion: "7" },
};
const cluster: KubeObject = {
  apiVersion: "examples.com/v1",
  kind: "Site",
  metadata: { name: "site", uid: "site-uid" },
};
const identity: ReleaseIdentity = {
  owner: backend,
  ownerKind: "instance",
  release: "examples.com.Backend.demo.nginx",
  namespace: "demo",
  crossNamespace: false,
};
const clusterIdentity: ReleaseIdentity = {
  owner: cluster,
  ownerKind: "instance",
  release: "examples.com.Site.site",
  namespace: "default",
  crossNamespace: true,
};

const kinds: Record<string, Scope> = {
  "v1 ConfigMap": "Namespaced",
  "v1 Secret": "Namespaced",
  "v1 Namespace": "Cluster",
  "apps/v1 Deployment": "Namespaced",
  "apps/v1beta1 Deployment": "Namespaced",
  "apiextensions.k8s.io/v1 CustomResourceDefinition": "Cluster",
};

function scopeOf(apiVersion: string, kind: string): Scope | undefined {
  return kinds[`${apiVersion} ${kind}`];
}

function configMap(name: string, metadata: Record<string, unknown> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata } };
}

function only(object: KubeObject, of = identity): KubeObject {
  const [[result] = []] = normalise([[object]], of, scopeOf).stages;
  if (result === undefined) throw new Error("nothing released");
  return result;
}

function failure(objects: KubeObject[], of = identity): CodedError {
  try {
    normalise([objects], of, scopeOf);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("an object of a release", () => {
  test("carries label, annotations, owner and namespace", () => {
    expect(only({ ...configMap("one"), data: { a: "1" } })).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "one",
        namespace: "demo",
        labels: { "app.kubernetes.io/managed-by": "atc.yoke" },
        annotations: {
          "instance.atc.yoke.cd/release": "examples.com.Backend.demo.nginx",
          "instance.atc.yoke.cd/namespace": "demo",
          "instance.atc.yoke.cd/instanceRef": "demo/Backend.examples.com:nginx",
        },
        ownerReferences: [{ apiVersion: "examples.com/v1", kind: "Backend", name: "nginx", uid: "backend-uid" }],
      },
      data: { a: "1" },
    });
  });

  test("keeps its own labels and annotations, but not forged ones", () => {
    const { metadata } = only(
      configMap("one", {
        labels: { app: "x", "app.kubernetes.io/managed-by": "helm" },
        annotations: {
          note: "y",
          "instance.atc.yoke.cd/release": "other",
          "instance.atc.yoke.cd/namespace": "kube-system",
          "instance.atc.yoke.cd/instanceRef": "a/B:c",
        },
      }),
    );
    expect(metadata.labels).toEqual({ app: "x", "app.kubernetes.io/managed-by": "atc.yoke" });
    expect(metadata.annotations).toMatchObject({ note: "y", "instance.atc.yoke.cd/namespace": "demo" });
    expect(ownerKey({ ...backend, metadata })).toBe("demo/examples.com.Backend.demo.nginx");
  });

  test("has one reference per owner, the instance's as the contract has it", () => {
    const other = { apiVersion: "v1", kind: "Secret", name: "s", uid: "secret-uid", controller: true };
    const forged = { apiVersion: "v1", kind: "Pod", name: "p", uid: "backend-uid", blockOwnerDeletion: true };
    expect(only(configMap("one", { ownerReferences: [forged, other, other] })).metadata.ownerReferences).toEqual([
      other,
      { apiVersion: "examples.com/v1", kind: "Backend", name: "nginx", uid: "backend-uid" },
    ]);
  });

  test("loses what the API server filled in, and keeps the rest", () => {
    const live = configMap("one", {
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      generation: 3,
      deletionTimestamp: "2026-01-01T00:00:00Z",
      managedFields: [{ manager: "x" }],
      finalizers: ["a/b"],
    });
    const { metadata, ...rest } = only({ ...live, status: { a: 1 } });
    expect(Object.keys(metadata).sort()).toEqual([
      "annotations",
      "finalizers",
      "labels",
      "name",
      "namespace",
      "ownerReferences",
    ]);
    expect(rest).toMatchObject({ status: { a: 1 } });
  });

  test("comes out alike when it is put in again", () => {
    const names = fc.stringMatching(/^[a-z]{1,5}$/);
    const texts = fc.dictionary(names, fc.string());
    fc.assert(
      fc.property(names, texts, texts, fc.jsonValue(), (name, labels, annotations, data) => {
        const object = { ...configMap(name, { labels, annotations }), data };
        const before = structuredClone(object);
        const once = only(object);
        expect(only(once)).toEqual(once);
        expect(object).toEqual(before);
      }),
    );
  });
});

describe("namespaces", () => {
  test("of others are refused in a namespaced release, each offender by name", () => {
    const error = failure([
      configMap("b", { namespace: "foo" }),
      configMap("a", { namespace: "bar" }),
      configMap("c", { namespace: "demo" }),
    ]);
    expect(error.code).toBe("RELEASE_NAMESPACE_FOREIGN");
    expect(error.message).toMatch(/^Multiple namespaces detected \(if desired enable multinamespace releases\)/);
    expect(error.message).toContain("ConfigMap bar/a, ConfigMap foo/b");
    expect(error.message).not.toContain("demo/c");
  });

  test("of others are fine in a cluster-scoped one, and default is where the rest goes", () => {
    expect(only(configMap("a", { namespace: "foo" }), clusterIdentity).metadata.namespace).toBe("foo");
    expect(only(configMap("a"), clusterIdentity).metadata.namespace).toBe("default");
  });

  test("mean nothing to cluster-scoped kinds", () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "foo", namespace: "elsewhere" } };
    expect(only(namespace).metadata).not.toHaveProperty("namespace");
  });
});

describe("kinds", () => {
  const definition = (scope: string): KubeObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "tests.examples.com" },
    spec: { group: "examples.com", scope, names: { kind: "Test" }, versions: [{ name: "v1" }, { name: "v2" }] },
  });
  const custom: KubeObject = { apiVersion: "examples.com/v2", kind: "Test", metadata: { name: "t" } };

  test.each([
    ["Namespaced", "demo"],
    ["Cluster", undefined],
  ])("defined in the same output as %s are known", (scope, namespace) => {
    const { stages } = normalise([[definition(scope)], [custom]], identity, scopeOf);
    expect(stages[1]?.[0]?.metadata.namespace).toBe(namespace);
  });

  test("defined in another version are not", () => {
    const { code, message } = failure([definition("Cluster"), { ...custom, apiVersion: "examples.com/v3" }]);
    expect(code).toBe("RELEASE_KIND_UNKNOWN");
    expect(message).toContain("Test t: the cluster has no kind Test in examples.com/v3");
  });

  test("unknown to the cluster are refused", () => {
    expect(failure([custom]).code).toBe("RELEASE_KIND_UNKNOWN");
  });

  test.each([undefined, null, "x", { versions: 1 }, { versions: [null] }, { names: null, versions: [{}] }])(
    "are not found in a definition with spec %j",
    spec => {
      expect(failure([{ ...definition("Cluster"), spec }, custom]).code).toBe("RELEASE_KIND_UNKNOWN");
    },
  );
});

describe("the instance itself in the output", () => {
  const status = { message: "hello" };

  test("is taken out, as it was returned", () => {
    const returned = {
      apiVersion: "examples.com/v1",
      kind: "Backend",
      metadata: { name: "nginx", namespace: "demo" },
      status,
    };
    expect(normalise([[returned]], identity, scopeOf)).toEqual({ stages: [], identity: returned });
  });

  test("is known without its namespace, which would be its own anyway", () => {
    const returned = { apiVersion: "examples.com/v1", kind: "Backend", metadata: { name: "nginx" }, status };
    expect(normalise([[configMap("a")], [returned]], identity, scopeOf)).toMatchObject({
      stages: [[{ kind: "ConfigMap" }]],
      identity: { status },
    });
  });

  test("is not another instance of its kind", () => {
    const other = { apiVersion: "examples.com/v1", kind: "Backend", metadata: { name: "other" } };
    const result = normalise([[other]], identity, scopeOf);
    expect(result).not.toHaveProperty("identity");
    expect(result.stages[0]?.[0]?.metadata).toMatchObject({ name: "other", namespace: "demo" });
  });

  test("is found when it is cluster-scoped", () => {
    const returned = { apiVersion: "examples.com/v1", kind: "Site", metadata: { name: "site" }, status };
    expect(normalise([[returned]], clusterIdentity, scopeOf)).toEqual({ stages: [], identity: returned });
  });
});

describe("the same object twice", () => {
  test.each<[string, KubeObject[]]>([
    ["side by side", [configMap("a"), configMap("a")]],
    ["once with its namespace", [configMap("a"), configMap("a", { namespace: "demo" })]],
    [
      "in two versions",
      ["apps/v1", "apps/v1beta1"].map(apiVersion => ({ apiVersion, kind: "Deployment", metadata: { name: "a" } })),
    ],
    ["the instance", [backend, backend]],
  ])("%s is refused", (_, objects) => {
    expect(failure(objects).code).toBe("RELEASE_OBJECT_DUPLICATE");
  });

  test("in two stages is refused too", () => {
    expect(() => normalise([[configMap("a")], [configMap("a")]], identity, scopeOf)).toThrow(
      "ConfigMap demo/a more than once",
    );
  });

  test("is not two objects of one name", () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "a" } };
    expect(normalise([[configMap("a"), secret]], identity, scopeOf).stages[0]).toHaveLength(2);
  });
});

describe("names", () => {
  test("of releases", () => {
    expect(releaseName({ group: "examples.com", kind: "Backend", namespace: "demo", name: "nginx" })).toBe(
      identity.release,
    );
    expect(releaseName({ group: "examples.com", kind: "Test", namespace: "", name: "test" })).toBe(
      "examples.com.Test.test",
    );
  });

  test("of owners need both annotations", () => {
    expect(ownerKey(configMap("a"))).toBe("");
    expect(ownerKey(configMap("a", { annotations: { "instance.atc.yoke.cd/release": "r" } }))).toBe("");
    expect(ownerKey(configMap("a", { annotations: { "instance.atc.yoke.cd/namespace": "n" } }))).toBe("");
    expect(ownerKey(only(configMap("a")))).toBe(`demo/${identity.release}`);
  });
});

describe("what the controller runs on", () => {
  const webhooks = "admissionregistration.k8s.io/v1";
  const everything = (_: string, kind: string): Scope =>
    ["Secret", "Lease"].includes(kind) ? "Namespaced" : "Cluster";
  const rendering = (apiVersion: string, kind: string, metadata: KubeObject["metadata"]) => () =>
    normalise([[{ apiVersion, kind, metadata }]], clusterIdentity, everything);

  test.each([
    ["apiextensions.k8s.io/v1", "CustomResourceDefinition", { name: "airways.yoke.cd" }],
    ["apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", { name: "clusterflights.yoke.cd" }],
    [webhooks, "ValidatingWebhookConfiguration", { name: "atc-resources" }],
    [webhooks, "MutatingWebhookConfiguration", { name: "atc-anything" }],
    ["coordination.k8s.io/v1", "Lease", { name: "atc", namespace: "atc" }],
    ["v1", "Secret", { name: "atc-tls", namespace: "atc" }],
    ["v1", "Secret", { name: "yoke.0123456789ab" }],
    ["v1", "Secret", { name: "mine", labels: { "internal.yoke/kind": "revision" } }],
    ["v1", "ConfigMap", { name: "mine", annotations: { "internal.yoke/created-at": "now" } }],
  ])("%s %s %j is refused", (apiVersion, kind, metadata) => {
    expect(rendering(apiVersion, kind, metadata)).toThrow(
      expect.objectContaining({ code: "RELEASE_OBJECT_PROTECTED" }),
    );
  });

  test.each([
    ["apiextensions.k8s.io/v1", "CustomResourceDefinition", { name: "widgets.example.com" }],
    [webhooks, "ValidatingWebhookConfiguration", { name: "my-atc-hook" }],
    ["v1", "Secret", { name: "yoke" }],
    ["example.com/v1", "Secret", { name: "atc-tls" }],
  ])("%s %s %j is a flight's to render", (apiVersion, kind, metadata) => {
    expect(rendering(apiVersion, kind, metadata)).not.toThrow();
  });
});
