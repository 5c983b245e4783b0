import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { type Cause, changedPaths, describeCause, describeRoll } from "./causes.ts";

const secretRef = { apiVersion: "v1", kind: "Secret", namespace: "default", name: "nginx" };
const deploymentRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "nginx" };
const secretChanged: Cause = { change: "updated", object: secretRef, resourceVersion: "812" };

function deployment(template: Record<string, unknown>, more: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "nginx", namespace: "default", ...more },
    spec: { replicas: 2, template },
  };
}

describe("a cause", () => {
  test.each<[Cause, string]>([
    [secretChanged, "Secret default/nginx changed (resourceVersion 812)"],
    [{ change: "created", object: secretRef }, "Secret default/nginx was created"],
    [{ change: "deleted", object: deploymentRef }, "Deployment default/nginx was deleted"],
    [
      { change: "flight", object: { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", namespace: "", name: "a.b" } },
      "Airway a.b changed its flight",
    ],
    [{ change: "drift" }, "the drift interval has passed"],
    [{ change: "restart" }, "the controller was started"],
  ])("%j", (cause, sentence) => {
    expect(describeCause(cause)).toBe(sentence);
  });
});

describe("a roll", () => {
  test("is told in one sentence", () => {
    const paths = changedPaths(
      deployment({ metadata: { annotations: { "demo/hash": "a" } } }),
      deployment({ metadata: { annotations: { "demo/hash": "b" } } }),
    );
    expect(describeRoll(secretChanged, [{ object: deploymentRef, change: "updated", paths }])).toBe(
      "Secret default/nginx changed (resourceVersion 812) → Deployment default/nginx " +
        'spec.template.metadata.annotations["demo/hash"]',
    );
  });

  test("names what came and went", () => {
    expect(
      describeRoll(secretChanged, [
        { object: deploymentRef, change: "created", paths: [] },
        { object: secretRef, change: "deleted", paths: [] },
      ]),
    ).toContain("→ Deployment default/nginx created; Secret default/nginx deleted");
  });

  test("that changed nothing is only its cause", () => {
    expect(describeRoll(secretChanged, [])).toBe(describeCause(secretChanged));
  });

  test("of many objects stays a sentence", () => {
    const changes = Array.from({ length: 500 }, (_, at) => ({
      object: { ...deploymentRef, name: `d${at}` },
      change: "created" as const,
      paths: [],
    }));
    const sentence = describeRoll(secretChanged, changes);
    expect(sentence).toContain("497 more objects");
    expect(sentence.length).toBeLessThan(300);
  });
});

describe("changed paths", () => {
  test("match list elements by name, so that an insertion is one change", () => {
    const container = (name: string, image: string) => ({ name, image });
    const before = deployment({ spec: { containers: [container("app", "nginx:1"), container("log", "x")] } });
    const after = deployment({
      spec: { containers: [container("init", "y"), container("app", "nginx:2"), container("log", "x")] },
    });
    expect(changedPaths(before, after)).toEqual([
      "spec.template.spec.containers[name=app].image",
      "spec.template.spec.containers[name=init]",
    ]);
  });

  test("count elements without names", () => {
    expect(changedPaths(deployment({ args: ["a", "b"] }), deployment({ args: ["a", "c", "d"] }))).toEqual([
      "spec.template.args[1]",
      "spec.template.args[2]",
    ]);
  });

  test("name what was added and removed as a whole", () => {
    expect(changedPaths(deployment({ a: { b: 1 } }), deployment({ c: { d: 1 } }))).toEqual([
      "spec.template.a",
      "spec.template.c",
    ]);
  });

  test("leave out status and what the API server fills in", () => {
    const before = { ...deployment({}, { resourceVersion: "1", generation: 1, managedFields: [] }), status: { a: 1 } };
    const after = { ...deployment({}, { resourceVersion: "2", generation: 2, uid: "u" }), status: { a: 2 } };
    expect(changedPaths(before, after)).toEqual([]);
  });

  test("are bounded", () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`f${at}`, at]));
    expect(changedPaths(deployment({}), deployment(many), 3)).toEqual([
      "spec.template.f0",
      "spec.template.f1",
      "spec.template.f2",
      "197 more",
    ]);
  });

  test("never hold a value", () => {
    const secret = (value: string) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      data: { password: value },
    });
    expect(changedPaths(secret("hunter2"), secret("hunter3"))).toEqual(["data.password"]);
    expect(changedPaths(secret("hunter2"), { ...secret(""), data: ["hunter3"] })).toEqual(["data"]);
  });

  const values = fc.object({ maxDepth: 4, withNullPrototype: false });

  test("of equal objects are none, of different ones at least one", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [before, after] = [deployment({ a }), deployment({ a: b })];
        expect(changedPaths(before, structuredClone(before))).toEqual([]);
        const same = JSON.stringify(a) === JSON.stringify(b);
        fc.pre(!same);
        expect(changedPaths(before, after).length + changedPaths(after, before).length).toBeGreaterThan(0);
      }),
    );
  });

  test("are the same set in both directions", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [before, after] = [deployment({ a }), deployment({ a: b })];
        expect(changedPaths(before, after, 1e6).sort()).toEqual(changedPaths(after, before, 1e6).sort());
      }),
    );
  });
});
