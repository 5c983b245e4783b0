import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { denied, parseReview, reviewResponse } from "./review.ts";

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", labels: { a: "b" } } };
const request = {
  uid: "u1",
  operation: "UPDATE",
  userInfo: { username: "jane", groups: ["dev"] },
  kind: { group: "", version: "v1", kind: "Pod" },
  resource: { group: "", version: "v1", resource: "pods" },
  namespace: "default",
  name: "p",
  object: pod,
  oldObject: { ...pod, spec: { nodeName: "n" } },
  dryRun: true,
};
const review = (change: Record<string, unknown> = {}) =>
  JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { ...request, ...change } });

function problem(body: string): string {
  try {
    parseReview(body);
  } catch (error) {
    if (error instanceof CodedError && error.code === "ADMISSION_REVIEW_INVALID") return error.message;
    throw error;
  }
  return "";
}

describe("parseReview", () => {
  it("reads what the API server sends, and keeps every field of the objects", () => {
    const read = parseReview(review());
    expect(read).toMatchObject({ uid: "u1", operation: "UPDATE", subResource: "", dryRun: true });
    expect(read.userInfo).toMatchObject({ username: "jane", groups: ["dev"] });
    expect(read.oldObject).toEqual({ ...pod, spec: { nodeName: "n" } });
    expect(parseReview(review({ operation: "CREATE", oldObject: null })).oldObject).toBeUndefined();
  });

  it("says what is missing, without a value of the object", () => {
    expect(problem("{")).toContain("no JSON");
    expect(problem("[]")).toContain("AdmissionReview");
    expect(problem(review({ uid: undefined }))).toContain("request.uid");
    const secret = { apiVersion: "v1", kind: "Secret", metadata: "hunter2" };
    expect(problem(review({ object: secret }))).toContain("request.object.metadata");
    expect(problem(review({ object: secret }))).not.toContain("hunter2");
  });

  it("takes any text without another error than its own", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => problem(text) !== ""));
  });

  it("takes any change of a review without another error than its own", () => {
    const field = fc.constantFrom(...Object.keys(request));
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        const body = review({ [name]: value });
        if (problem(body) === "") expect(parseReview(body).uid).not.toBe("");
      }),
    );
  });

  it("is not led astray by names of JavaScript's own", () => {
    const body = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","userInfo":{"username":"x"},"resource":{"group":"","version":"v1","resource":"pods"},"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"__proto__":{"polluted":true}}}}`;
    const read = parseReview(body);
    expect(read.object?.["polluted"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("reviewResponse", () => {
  it("answers with the uid of the question", () => {
    expect(reviewResponse("u1", { allowed: true })).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u1", allowed: true },
    });
    expect(reviewResponse("u1", denied("Invalid", "no"))["response"]).toEqual({
      uid: "u1",
      allowed: false,
      status: { status: "Failure", reason: "Invalid", message: "no" },
    });
  });

  it("keeps warnings to one line that the API server does not cut", () => {
    const { warnings } = reviewResponse("u", { allowed: true, warnings: [`a\nb ${"c".repeat(300)}`] })["response"] as {
      warnings: string[];
    };
    expect(warnings[0]).toMatch(/^a b c+…$/);
    expect(warnings[0]).toHaveLength(250);
  });
});
