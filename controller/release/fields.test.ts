import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject, ManagedFieldsEntry } from "../kube/object.ts";
import { changedLeaves, leavesOf, ownedFields } from "./fields.ts";

function deployment(managedFields: ManagedFieldsEntry[], spec: unknown = {}): KubeObject {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "nginx", managedFields }, spec };
}

const ours = { manager: "yoke", operation: "Apply", fieldsV1: { "f:spec": { "f:replicas": {} } } };

describe("ownedFields", () => {
  it("does not change with the fields of others, status or time", () => {
    const alone = ownedFields(deployment([ours]));
    const others = [{ manager: "kube-controller-manager", operation: "Update", fieldsV1: { "f:status": {} } }];
    expect(ownedFields(deployment([...others, { ...ours, time: "2026-01-01T00:00:00Z" }]))).toBe(alone);
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
