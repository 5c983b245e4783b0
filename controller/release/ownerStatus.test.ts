import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { namesOf, noStatus, statedStatus, statusUnder, withoutReady } from "./ownerStatus.ts";

function instance(status: unknown): KubeObject {
  return { apiVersion: "x/v1", kind: "Thing", metadata: { name: "a", namespace: "ns" }, status };
}

const ready = { type: "Ready", status: "False", reason: "Mine", message: "not yet" };

describe("the status that a flight states", () => {
  it("is fields and conditions, without the controller's record", () => {
    expect(statedStatus(instance({ phase: "new", atc: { forged: true }, conditions: [ready] }))).toEqual({
      fields: { phase: "new" },
      conditions: [ready],
    });
  });

  it("is nothing where the instance comes without status, and empty where the status is", () => {
    expect(statedStatus(instance(undefined))).toBeUndefined();
    expect(statedStatus(instance({}))).toEqual(noStatus);
  });

  it("may leave out what the controller can fill in, and nothing else", () => {
    const [condition] =
      statedStatus(instance({ conditions: [{ type: "Custom", status: "Success", odd: 1 }] }))?.conditions ?? [];
    expect(condition).toEqual({ type: "Custom", status: "Success", reason: "", message: "" });
  });

  it.each([
    ["status", "text"],
    ["status.conditions", { conditions: {} }],
    ["status.conditions[0]", { conditions: [null] }],
    ["status.conditions[1].type", { conditions: [ready, { status: "True" }] }],
    ["status.conditions[0].status", { conditions: [{ type: "Ready", status: true }] }],
    ["status.conditions state Ready twice", { conditions: [ready, ready] }],
  ])("is refused at %s", (path, status) => {
    expect(() => statedStatus(instance(status))).toThrow(`ns/Thing.x:a: ${path}`);
  });

  it("is found again under its names in the live status", () => {
    const stated = { fields: { phase: "new" }, conditions: [ready] };
    const live = instance({
      phase: "new",
      other: 1,
      atc: {},
      conditions: [{ type: "Foreign", status: "True" }, ready],
    });
    expect(statusUnder(live, namesOf(stated))).toEqual(stated);
    expect(statusUnder(instance(null), namesOf(stated))).toEqual(noStatus);
    expect(withoutReady(stated)).toEqual({ ...stated, conditions: [] });
  });
});
