import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fromApi,
  idOf,
  importedInputs,
  keepsName,
  liveInputs,
  named,
  normalizedSecret,
  parseId,
  parseType,
  propagationOf,
  replacesObject,
  toApi,
} from "./kubernetes-object.ts";
import { type Properties, secret, UNKNOWN, unwrap } from "./wire.ts";

const context = (olds: Properties) => ({
  type: "kubernetes:core/v1:ConfigMap",
  name: "cm",
  olds,
  proposedName: "cm-1234",
  signal: new AbortController().signal,
});

it("reads the kind from a type token", () => {
  expect(parseType("kubernetes:core/v1:Secret")).toEqual({ apiVersion: "v1", kind: "Secret" });
  expect(parseType("kubernetes:external-secrets.io/v1:SecretStore")).toEqual({
    apiVersion: "external-secrets.io/v1",
    kind: "SecretStore",
  });
});

it("reads back the ids that it makes", () => {
  for (const metadata of [{ namespace: "ns", name: "n" }, { name: "n" }] satisfies Properties[]) {
    expect(parseId(idOf({ metadata }))).toEqual({ namespace: undefined, ...metadata });
  }
});

describe("names", () => {
  it("are kept when given, made when not, and kept once made", () => {
    expect(named({ metadata: { name: "mine" } }, context({}))).toEqual({ metadata: { name: "mine" } });
    const made = named({ data: { a: "1" } }, context({}));
    expect(made.metadata).toMatchObject({ name: "cm-1234", annotations: { "pulumi.com/autonamed": "true" } });
    const again = named({ data: { a: "2" } }, { ...context(made), proposedName: "cm-9999" });
    expect(again.metadata).toEqual(made.metadata);
  });

  it("that a person chose make a replacement delete first", () => {
    const object = { metadata: { name: "n", namespace: "ns" } };
    expect(keepsName(object, object)).toBe(true);
    expect(keepsName(object, { metadata: { name: "n", namespace: "other" } })).toBe(false);
    const made = named({}, context({}));
    expect(keepsName(made, made)).toBe(false);
  });
});

describe("a Secret", () => {
  it("has its stringData in data, all of it secret", () => {
    const inputs = {
      apiVersion: "v1",
      kind: "Secret",
      stringData: { a: secret("x"), b: "y" },
      data: { a: "b2xk", c: "Yw==" },
    };
    const { data, stringData } = normalizedSecret(inputs);
    expect(stringData).toBeUndefined();
    expect(data).toEqual(secret({ a: "eA==", b: "eQ==", c: "Yw==" }));
  });

  it("keeps what a preview does not know", () => {
    const inputs = { apiVersion: "v1", kind: "Secret", stringData: { a: UNKNOWN } };
    expect(unwrap(normalizedSecret(inputs)).data).toEqual({ a: UNKNOWN });
    const wholly = { apiVersion: "v1", kind: "Secret", stringData: UNKNOWN };
    expect(normalizedSecret(wholly)).toEqual(wholly);
  });

  it("of another API group is no Secret", () => {
    const inputs = { apiVersion: "x.y/v1", kind: "Secret", stringData: { a: "b" } };
    expect(normalizedSecret(inputs)).toBe(inputs);
  });
});

describe("replacement", () => {
  const fixed = { secrets: false, configMaps: false };
  const mutable = { secrets: true, configMaps: true };
  const replaced = (kind: string, path: (string | number)[], mutability = fixed, olds: Properties = {}) =>
    replacesObject(path, { kind, apiVersion: "v1", ...olds }, { kind, apiVersion: "v1" }, mutability);

  it.each([
    ["Deployment", ["metadata", "name"], true],
    ["Deployment", ["metadata", "labels", "name"], false],
    ["Deployment", ["spec", "selector", "matchLabels", "a"], true],
    ["Deployment", ["spec", "template", "spec", "containers", 0, "image"], false],
    ["Thing", ["spec", "selector"], false],
    ["Pod", ["spec", "containers", 0, "image"], false],
    ["Pod", ["spec", "containers", 0, "command"], true],
    ["ClusterRoleBinding", ["roleRef", "name"], true],
    ["ClusterRoleBinding", ["subjects", 0, "name"], false],
  ])("%s %j: %s", (kind, path, expected) => expect(replaced(kind, path)).toBe(expected));

  it("of a Secret or a ConfigMap is left out if the provider may change them", () => {
    expect(replaced("Secret", ["data", "a"])).toBe(true);
    expect(replaced("Secret", ["data", "a"], mutable)).toBe(false);
    expect(replaced("Secret", ["data", "a"], mutable, { immutable: true })).toBe(true);
    expect(replaced("ConfigMap", ["binaryData", "a"])).toBe(true);
    expect(replaced("ConfigMap", ["data", "a"], mutable)).toBe(false);
  });

  it("comes with another API group, not with another version", () => {
    const change = (from: string, to: string) =>
      replacesObject(["apiVersion"], { kind: "X", apiVersion: from }, { kind: "X", apiVersion: to }, fixed);
    expect(change("g/v1beta1", "g/v1")).toBe(false);
    expect(change("g/v1", "h/v1")).toBe(true);
    expect(change("v1", "g/v1")).toBe(true);
  });
});

describe("a refresh", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const tree = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,3}$/),
    fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 2 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), leaf, { maxKeys: 3, noNullPrototype: true }),
    ),
    { maxKeys: 4, noNullPrototype: true },
  );

  it("of an object that nobody touched reports the inputs as they are", () => {
    fc.assert(
      fc.property(tree, tree, (inputs, live) => {
        expect(liveInputs(inputs, live, live)).toEqual(inputs);
      }),
    );
  });

  it("never reports a field that the program did not set", () => {
    fc.assert(
      fc.property(tree, tree, tree, (inputs, before, live) => {
        for (const key of Object.keys(liveInputs(inputs, before, live))) expect(inputs).toHaveProperty(key);
      }),
    );
  });

  it("reports changed, removed and added items, but not another spelling of the same", () => {
    const inputs = { cpu: "1000m", replicas: 2, gone: "x", list: [{ image: "a", cpu: "500m" }], args: ["-v"] };
    const before = {
      cpu: "1",
      replicas: 2,
      gone: "x",
      list: [{ image: "a", cpu: "0.5", pull: "Always" }],
      args: ["-v"],
    };
    const live = { cpu: "1", replicas: 5, list: [{ image: "b", cpu: "0.5", pull: "Never" }], args: ["-v", "-w"] };
    expect(liveInputs(inputs, before, live)).toEqual({
      cpu: "1000m",
      replicas: 5,
      list: [{ image: "b", cpu: "500m" }],
      args: ["-v", "-w"],
    });
  });

  it("of an import takes all but what the server writes", () => {
    const live = {
      kind: "X",
      metadata: { name: "n", uid: "1", managedFields: [], labels: { a: "b" } },
      spec: { a: 1 },
      status: {},
    };
    expect(importedInputs(live)).toEqual({ kind: "X", metadata: { name: "n", labels: { a: "b" } }, spec: { a: 1 } });
  });
});

it("spells x-kubernetes- fields as the SDK does, and back", () => {
  const schema = { properties: [{ x_kubernetes_preserve_unknown_fields: true, x_own: 1 }] };
  expect(toApi(schema)).toEqual({ properties: [{ "x-kubernetes-preserve-unknown-fields": true, x_own: 1 }] });
  expect(fromApi(toApi(schema))).toEqual(schema);
});

it.each([
  [{ kind: "Deployment" }, "Foreground"],
  [{ kind: "ConfigMap" }, "Background"],
  [{ kind: "Deployment", metadata: { annotations: { "pulumi.com/deletionPropagationPolicy": "orphan" } } }, "Orphan"],
  [
    { kind: "ConfigMap", metadata: { annotations: { "pulumi.com/deletionPropagationPolicy": "foreground" } } },
    "Foreground",
  ],
] satisfies [Properties, string][])("deletes %j in the manner %s", (state, policy) => {
  expect(propagationOf(state)).toBe(policy);
});
