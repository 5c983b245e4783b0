import { expect, it } from "vitest";
import { instanceIn } from "./ready.ts";

it("reads the instance from a JSON answer, and none from anything else", () => {
  expect(instanceIn('{"cluster_id":"abc"}', "cluster_id")).toBe("abc");
  expect(["", "null", "[]", "<html>", '{"cluster_id":1}', "{}"].map(body => instanceIn(body, "cluster_id"))).toEqual(
    Array(6).fill(""),
  );
  expect(instanceIn('{"cluster_id":"abc"}', undefined)).toBe("");
});
