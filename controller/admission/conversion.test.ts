import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { checkConversion, parseConversion } from "./conversion.ts";

const backend = (version: string, name: string, rest: Record<string, unknown> = {}) => ({
  apiVersion: `examples.com/${version}`,
  kind: "Backend",
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  ...rest,
});

const question = (objects: unknown[]) =>
  JSON.stringify({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    request: { uid: "r1", desiredAPIVersion: "examples.com/v2", objects },
  });

const answer = (convertedObjects: unknown, rest: Record<string, unknown> = {}) =>
  JSON.stringify({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    response: { uid: "r1", result: { status: "Success" }, convertedObjects, ...rest },
  });

const request = parseConversion(
  question([backend("v1", "a", { status: { ready: true } }), backend("v1", "b", { status: { ready: false } })]),
);

function why(output: string): string {
  const result = checkConversion(request, output);
  return result.ok ? "" : result.why;
}

describe("checkConversion", () => {
  it("carries the status over that the converter left out, and keeps the one it gave", () => {
    const output = answer([backend("v2", "a", { spec: { img: "x" } }), backend("v2", "b", { status: { own: 1 } })]);
    const result = checkConversion(request, output);
    const { response } = JSON.parse(result.ok ? result.body : "{}") as {
      response: { uid: string; convertedObjects: unknown[] };
    };
    expect(response.uid).toBe("r1");
    expect(response.convertedObjects).toEqual([
      backend("v2", "a", { spec: { img: "x" }, status: { ready: true } }),
      backend("v2", "b", { status: { own: 1 } }),
    ]);
  });

  it("refuses what the API server could not use, saying why", () => {
    const [a, b] = [backend("v2", "a"), backend("v2", "b")];
    expect(why("")).toContain("no ConversionReview");
    expect(why(answer([a, b], { uid: "r2" }))).toContain("another uid");
    expect(why(answer([a]))).toBe("it was given 2 objects and returned 1");
    expect(why(answer([b, a]))).toContain("must keep their order");
    expect(why(answer([a, backend("v1", "b")]))).toContain("version examples.com/v1 instead of examples.com/v2");
    expect(why(answer(null, { result: { status: "Failure", message: "cannot convert" } }))).toBe("cannot convert");
    expect(why(answer(null, { result: { status: "Failure" } }))).toContain("without a message");
  });

  it("takes any output", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => why(text) !== ""));
    fc.assert(fc.property(fc.array(fc.jsonValue()), objects => why(answer(objects)) !== ""));
  });
});

describe("parseConversion", () => {
  it("takes any text without another error than its own", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        try {
          parseConversion(text);
        } catch (error) {
          return error instanceof CodedError && error.code === "ADMISSION_REVIEW_INVALID";
        }
        return false;
      }),
    );
  });
});
