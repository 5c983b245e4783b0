import { describe, expect, it } from "vitest";
import { onlyName, parseName } from "./release.ts";

describe("the name of an object", () => {
  it.each([
    [["backend/nginx"], { kind: "backend", name: "nginx", rest: [] }],
    [["backends.examples.com", "nginx"], { kind: "backends.examples.com", name: "nginx", rest: [] }],
    [["backend/nginx", "2"], { kind: "backend", name: "nginx", rest: ["2"] }],
    [["backend", "nginx", "2"], { kind: "backend", name: "nginx", rest: ["2"] }],
  ])("is read from %j", (words, named) => expect(parseName(words)).toEqual(named));

  it.each([[[]], [["backend"]], [["/nginx"]], [["backend/"]], [["a/b/c"]], [["backend", "a/b"]]])(
    "is not in %j",
    words => expect(() => parseName(words)).toThrow("names no object"),
  );

  it("stands alone where one object is meant", () => {
    expect(() => onlyName(["backend/a", "backend/b"])).toThrow('"backend/b" is not expected');
  });
});
