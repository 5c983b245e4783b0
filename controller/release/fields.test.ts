import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject, ManagedFieldsEntry } from "../kube/object.ts";
import { changedLeaves, holds, leavesOf, ownedFields } from "./fields.ts";

function deployment(managedFields: ManagedFieldsEntry[], spec: unknown = {}): KubeObject {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "nginx", managedFields }, spec };
}

const ours = { manager: "yoke", operation: "Apply", fieldsV1: { "f:spec": { "f:replicas": {} } } };

describe("ownedFields", () => {
  it("does not change with the fields or status of others", () => {
    const alone = ownedFields(deployment([ours]));
    const others = [{ manager: "kube-controller-manager", operation: "Update", fieldsV1: { "f:status": {} } }];
    expect(ownedFields(deployment([...others, ours]))).toBe(alone);
  });

  it("tells two applies of the same fields with other values apart, by their times", () => {
    const [first, second] = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"];
    const at = (time: string) => ownedFields(deployment([{ ...ours, time }]));
    expect(at(first)).not.toBe(at(second));
  });

  it("changes when somebody takes one of our fields away", () => {
    const taken = { ...ours, fieldsV1: { "f:spec": {} } };
    expect(ownedFields(deployment([taken]))).not.toBe(ownedFields(deployment([ours])));
  });

  it("counts neither our updates nor our writes to a subresource", () => {
    expect(ownedFields(deployment([{ ...ours, operation: "Update" }]))).toBe("");
    expect(ownedFields(deployment([{ ...ours, subresource: "status" }]))).toBe("");
  });
});

describe("changedLeaves", () => {
  it("names the leaf paths that differ, removed ones last", () => {
    const before = deployment([], { replicas: 1, template: { annotations: { "a/b": "1" } }, paused: true });
    const after = deployment([], { replicas: 1, template: { annotations: { "a/b": "2" } }, list: [{ x: 1 }] });
    expect(changedLeaves(leavesOf(before), leavesOf(after))).toEqual([
      'spec.template.annotations["a/b"]',
      "spec.list[0].x",
      "spec.paused",
    ]);
  });

  it("finds nothing between two equal objects, whatever they hold", () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const copy: unknown = JSON.parse(JSON.stringify(value));
        expect(changedLeaves(leavesOf(deployment([], value)), leavesOf(deployment([], copy)))).toEqual([]);
      }),
    );
  });
});

describe("holds", () => {
  const former = leavesOf(deployment([], { a: 1 }));

  it("is true where the live object has all that was rendered, and more", () => {
    expect(holds(deployment([], { a: 1, b: { c: [1] } }), deployment([], { a: 1 }), former)).toBe(true);
  });

  it.each([
    ["another value", { a: 2 }],
    ["no value", {}],
    ["another type", { a: { x: 1 } }],
  ])("is false where it has %s", (_, live) => {
    expect(holds(deployment([], live), deployment([], { a: 1 }), former)).toBe(false);
  });

  it("is false while something is there that was rendered before and is not now", () => {
    const both = leavesOf(deployment([], { a: 1, old: 2 }));
    expect(holds(deployment([], { a: 1, old: 3 }), deployment([], { a: 1 }), both)).toBe(false);
    expect(holds(deployment([], { a: 1 }), deployment([], { a: 1 }), both)).toBe(true);
  });

  it("wants lists to be equal", () => {
    expect(holds(deployment([], { a: [1, 2] }), deployment([], { a: [1] }), former)).toBe(false);
  });
});
