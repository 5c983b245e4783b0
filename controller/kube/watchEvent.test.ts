import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKubeError } from "./errors.ts";
import { isRepeat, parseWatchEvent } from "./watchEvent.ts";

const path = "/api/v1/secrets";
const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", resourceVersion: "7" } };

describe("parseWatchEvent", () => {
  test.each([
    ["ADDED", "upsert"],
    ["MODIFIED", "upsert"],
    ["DELETED", "delete"],
    ["BOOKMARK", "bookmark"],
  ])("%s is %s", (type, wanted) => {
    expect(parseWatchEvent(JSON.stringify({ type, object }), path)).toMatchObject({
      type: wanted,
      resourceVersion: "7",
    });
  });

  test("an ERROR event becomes the error of its status", () => {
    const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
    const event = parseWatchEvent(JSON.stringify({ type: "ERROR", object: status }), path);
    expect(event.type === "error" && isKubeError(event.error, "KUBE_GONE")).toBe(true);
  });

  test.each([
    ["cut JSON", '{"type":"ADDED","object":{"metadata":{"name":"hunter2'],
    ["unknown type", JSON.stringify({ type: "SURPRISE", object })],
    ["no object", JSON.stringify({ type: "ADDED" })],
    ["no resourceVersion", JSON.stringify({ type: "ADDED", object: { metadata: { name: "hunter2" } } })],
    ["null", "null"],
    ["a page of a proxy", "<html>hunter2</html>"],
  ])("%s is a protocol error that quotes nothing", (_, line) => {
    const event = parseWatchEvent(line, path);
    expect(event.type === "error" && event.error.code).toBe("KUBE_PROTOCOL");
    expect(event.type === "error" && event.error.message).not.toContain("hunter2");
  });

  test("any text gives an event or an error, never an exception", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), line => parseWatchEvent(line, path).type !== undefined));
  });
});

describe("isRepeat", () => {
  const version = fc.bigInt({ min: 1n, max: 2n ** 63n });

  test("orders like the numbers that resourceVersions are", () => {
    fc.assert(fc.property(version, version, (a, b) => isRepeat(String(a), String(b)) === a <= b));
  });

  test("never drops what it cannot order", () => {
    const odd = fc.string().filter(text => !/^[1-9]\d*$/.test(text));
    fc.assert(fc.property(odd, version, (a, b) => !isRepeat(a, String(b)) && !isRepeat(String(b), a)));
  });
});
