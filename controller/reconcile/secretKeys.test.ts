import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { changedKeys, secretKeys } from "./secretKeys.ts";

const key = Buffer.from("of the controller");
const secret = (data: Record<string, string>, name = "nginx"): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "default" },
  data,
});
const keysOf = (data: Record<string, string>) => secretKeys(secret(data), key);

describe("the keys of a Secret", () => {
  it("that changed are named, with what they were and are", () => {
    const before = keysOf({ hello: "b25l", same: "eA==", gone: "eQ==" });
    const after = keysOf({ hello: "dHdv", same: "eA==", made: "eg==" });
    const [gone, hello, made, ...more] = changedKeys(before, after);
    expect(more).toEqual([]);
    expect(gone).toEqual({ key: "gone", before: expect.any(String) });
    expect(hello).toEqual({ key: "hello", before: before.get("hello"), after: after.get("hello") });
    expect(made).toEqual({ key: "made", after: expect.any(String) });
  });

  it("show when a value comes back", () => {
    const [there] = changedKeys(keysOf({ hello: "b25l" }), keysOf({ hello: "dHdv" }));
    const [back] = changedKeys(keysOf({ hello: "dHdv" }), keysOf({ hello: "b25l" }));
    expect(back).toEqual({ key: "hello", before: there?.after, after: there?.before });
  });

  it("are not told where the former render is not known, and all where the Secret is gone", () => {
    expect(changedKeys(undefined, keysOf({ hello: "b25l" }))).toEqual([]);
    expect(changedKeys(keysOf({ hello: "b25l" }))).toEqual([{ key: "hello", before: expect.any(String) }]);
  });

  it("cannot be compared between Secrets, fields or controllers", () => {
    const hash = (name: string, field: string, of: Uint8Array) =>
      secretKeys(secret({ [field]: "b25l" }, name), of).get(field);
    const hashes = [
      hash("a", "x", key),
      hash("b", "x", key),
      hash("a", "y", key),
      hash("a", "x", Buffer.from("other")),
    ];
    expect(new Set(hashes).size).toBe(4);
  });
});
