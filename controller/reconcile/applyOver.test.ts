import { describe, expect, test } from "vitest";
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { applyOver } from "./applyOver.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "x" }, data: { a: "1" } };
const options = { fieldManager: "yoke", force: true };

/** An API server with one object, which others write `busy` times just before we do. */
function server(live: { uid: string; resourceVersion: string } | undefined, busy = 0) {
  let left = busy;
  const sent: (string | undefined)[] = [];
  return {
    sent,
    async apply(body: KubeObject) {
      sent.push(body.metadata.resourceVersion);
      if (live !== undefined && left-- > 0) live.resourceVersion = `${Number(live.resourceVersion) + 1}`;
      const same = live?.uid === body.metadata.uid && live?.resourceVersion === body.metadata.resourceVersion;
      if (!same) throw conflict();
      return { object: body, created: false };
    },
    get: async () => (live === undefined ? undefined : { ...object, metadata: { ...object.metadata, ...live } }),
  };
}

function conflict(): KubeError {
  return new KubeError("KUBE_CONFLICT", { method: "", path: "", status: 409, reason: "", causes: [], detail: "" });
}

describe("an object that is there", () => {
  test("is applied with the version that was seen last", async () => {
    const api = server({ uid: "u", resourceVersion: "5" });
    await applyOver(api, object, { uid: "u", resourceVersion: "5" }, options);
    expect(api.sent).toEqual(["5"]);
  });

  test("is applied over newer versions, too, as long as it is the same object", async () => {
    const api = server({ uid: "u", resourceVersion: "7" }, 2);
    const { object: applied } = await applyOver(api, object, { uid: "u", resourceVersion: "5" }, options);
    expect(applied.metadata).toMatchObject({ uid: "u", resourceVersion: "9" });
    expect(api.sent).toEqual(["5", "8", "9"]);
  });

  test("is left alone when others never stop writing", async () => {
    const api = server({ uid: "u", resourceVersion: "5" }, 99);
    const refused = applyOver(api, object, { uid: "u", resourceVersion: "5" }, options);
    await expect(refused).rejects.toMatchObject({ code: "KUBE_CONFLICT" });
    expect(api.sent).toHaveLength(5);
  });
});

test.each([
  ["gone", undefined],
  ["another one", { uid: "v", resourceVersion: "5" }],
])("an object that is %s is not made anew", async (_, live) => {
  const api = server(live);
  const refused = applyOver(api, object, { uid: "u", resourceVersion: "5" }, options);
  await expect(refused).rejects.toMatchObject({ code: "KUBE_NOT_FOUND" });
  expect(api.sent).toEqual(["5"]);
});
