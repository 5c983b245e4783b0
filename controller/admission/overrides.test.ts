import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { gate } from "./overrides.ts";
import type { AdmissionRequest, UserInfo } from "./review.ts";

const refusal = {
  allowed: false,
  reason: "Forbidden",
  message: "user does not have permissions to create or update override annotations",
};

function backend(annotations?: Record<string, string>): KubeObject {
  return { apiVersion: "e/v1", kind: "Backend", metadata: { name: "b", ...(annotations ? { annotations } : {}) } };
}

async function ask(object: KubeObject, oldObject?: KubeObject, right = false) {
  const asked: UserInfo[] = [];
  const request: AdmissionRequest = {
    ...{ uid: "u", namespace: "", name: "b", subResource: "", dryRun: false },
    operation: oldObject === undefined ? "CREATE" : "UPDATE",
    userInfo: { username: "jane", uid: "1", groups: ["dev"] },
    resource: { group: "e", version: "v1", resource: "backends" },
    object,
    oldObject,
  };
  const verdict = await gate(request, async user => {
    asked.push(user);
    return right;
  });
  return { verdict, asked };
}

describe("the gate before override annotations", () => {
  it("is asked who it is that sets, changes or removes one", async () => {
    const mode = { "overrides.yoke.cd/mode": "dynamic" };
    const flight = { "overrides.yoke.cd/flight": "oci://x" };
    for (const [object, oldObject] of [
      [backend(mode), undefined],
      [backend(flight), backend()],
      [backend(), backend(mode)],
      [backend({ ...mode, ...flight }), backend(mode)],
      [backend({ "atc.yoke.cd/revision": "yoke.0123456789ab" }), backend()],
    ] as const) {
      const { verdict, asked } = await ask(object, oldObject);
      expect(verdict).toEqual(refusal);
      expect(asked).toEqual([{ username: "jane", uid: "1", groups: ["dev"] }]);
      expect((await ask(object, oldObject, true)).verdict).toBeUndefined();
    }
  });

  it("asks nobody where none changes", async () => {
    const mode = { "overrides.yoke.cd/mode": "dynamic" };
    for (const [object, oldObject] of [
      [backend(), undefined],
      [backend({ "overrides.yoke.cd/mode": "" }), undefined],
      [backend({ ...mode, other: "x" }), backend(mode)],
    ] as const) {
      expect(await ask(object, oldObject)).toEqual({ verdict: undefined, asked: [] });
    }
  });
});
