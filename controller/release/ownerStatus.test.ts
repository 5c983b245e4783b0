import fc from "fast-check";
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

  it("is refused with its path or found again as it was stated, whatever it is", () => {
    const text = fc.oneof(fc.constantFrom("Ready", "True", "__proto__"), fc.string());
    const condition = fc.record({ type: text, status: text, reason: fc.jsonValue() }, { requiredKeys: ["type"] });
    const conditions = fc.array(fc.oneof({ weight: 5, arbitrary: condition }, fc.jsonValue()), { maxLength: 3 });
    const status = fc.oneof(
      { weight: 4, arbitrary: fc.record({ conditions, phase: fc.jsonValue(), ["__proto__"]: fc.jsonValue() }) },
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(status, value => {
        const returned = instance(JSON.parse(JSON.stringify(value)));
        try {
          const stated = statedStatus(returned);
          if (stated === undefined) return;
          expect(statusUnder(returned, namesOf(stated))).toEqual(stated);
        } catch (error) {
          expect(error).toMatchObject({ code: "RELEASE_OBJECT_INVALID" });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
