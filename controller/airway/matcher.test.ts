import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matches, parseMatcher } from "./matcher.ts";

const deployment = { namespace: "foo", groupKind: "Deployment.apps", name: "test" };

function covers(text: string, target: { namespace: string; groupKind: string; name: string }): boolean {
  return matches([parseMatcher(text)], target);
}

describe("matchers of contract §3.5 for Deployment foo/test", () => {
  test.each([
    "*",
    "*/*",
    "Deployment.apps",
    "Deployment.apps:test",
    "foo/Deployment.apps:test",
    "foo/Deployment.apps:*",
    "*/Deployment.apps:*",
  ])("%s covers it", text => {
    expect(covers(text, deployment)).toBe(true);
  });

  test.each([
    "",
    "Deployment",
    "/",
    "bar/*",
    "bar/Deployment.apps",
    "Deployment.apps:other",
    "/Deployment.apps",
    "foo/",
  ])("%j does not", text => {
    expect(covers(text, deployment)).toBe(false);
  });

  test("parts are literal but for a lone asterisk, and case counts", () => {
    for (const text of ["fo*/Deployment.apps", "Deployment.*", "Deployment.apps:te*", "deployment.apps", "Foo/*"])
      expect(covers(text, deployment)).toBe(false);
  });

  test("an empty namespace means cluster-scoped", () => {
    const role = { namespace: "", groupKind: "ClusterRole.rbac.authorization.k8s.io", name: "system:node" };
    expect(covers("/ClusterRole.rbac.authorization.k8s.io", role)).toBe(true);
    expect(covers("/*:system:node", role)).toBe(true);
    expect(covers("default/*", role)).toBe(false);
  });
});

test("no matchers cover nothing", () => {
  expect(matches([], deployment)).toBe(false);
});

test("what is spelled out covers exactly itself", () => {
  const part = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/);
  fc.assert(
    fc.property(part, part, part, part, (namespace, groupKind, name, other) => {
      const text = `${namespace}/${groupKind}:${name}`;
      expect(covers(text, { namespace, groupKind, name })).toBe(true);
      fc.pre(other !== name && other !== namespace);
      expect(covers(text, { namespace, groupKind, name: other })).toBe(false);
      expect(covers(text, { namespace: other, groupKind, name })).toBe(false);
    }),
  );
});
