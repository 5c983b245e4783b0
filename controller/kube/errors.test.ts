import { describe, expect, test } from "vitest";
import { answerError, connectionError, isKubeError, isMissingPath } from "./errors.ts";

const request = { method: "PATCH", path: "/api/v1/namespaces/x/configmaps/a" };
const onSecret = { method: "PATCH", path: "/api/v1/namespaces/x/secrets/a" };

function status(
  code: number,
  reason: string,
  message = "told",
  causes: object[] = [],
): { status: number; body: string } {
  return { status: code, body: JSON.stringify({ kind: "Status", code, reason, message, details: { causes } }) };
}

describe("answerError", () => {
  test.each([
    [401, "Unauthorized", [], "KUBE_UNAUTHENTICATED"],
    [403, "Forbidden", [], "KUBE_FORBIDDEN"],
    [404, "NotFound", [], "KUBE_NOT_FOUND"],
    [409, "Conflict", [], "KUBE_CONFLICT"],
    [409, "AlreadyExists", [], "KUBE_ALREADY_EXISTS"],
    [409, "Conflict", [{ reason: "FieldManagerConflict", field: ".data.x" }], "KUBE_FIELD_CONFLICT"],
    [410, "Expired", [], "KUBE_GONE"],
    [422, "Invalid", [], "KUBE_INVALID"],
    [400, "BadRequest", [], "KUBE_INVALID"],
    [429, "TooManyRequests", [], "KUBE_THROTTLED"],
    [500, "InternalError", [], "KUBE_UNAVAILABLE"],
    [503, "ServiceUnavailable", [], "KUBE_UNAVAILABLE"],
    [504, "Timeout", [{ reason: "ResourceVersionTooLarge" }], "KUBE_GONE"],
  ])("%i %s %j is %s", (code, reason, causes, wanted) => {
    expect(answerError(request, status(code, reason, "told", causes)).code).toBe(wanted);
  });

  test("keeps status, reason, causes, Retry-After and the API server's words", () => {
    const cause = { reason: "FieldValueInvalid", field: "spec.replicas", message: "must be positive" };
    const answer = {
      ...status(422, "Invalid", "spec.replicas: must be positive", [cause]),
      headers: { "retry-after": "3" },
    };
    expect(answerError(request, answer)).toMatchObject({
      status: 422,
      reason: "Invalid",
      causes: [cause],
      retryAfterMs: 3_000,
      message: expect.stringContaining("spec.replicas: must be positive"),
    });
  });

  test("an object that does not fit its type is invalid although the API server answers 500", () => {
    const message = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.x: expected string, got 1";
    expect(answerError(request, status(500, "", message)).code).toBe("KUBE_INVALID");
  });

  test.each([
    [
      500,
      "failed to create typed patch object (/a; /v1, Kind=Secret): .data.pin: expected string, got &value{hunter2}",
    ],
    [422, 'Secret "a" is invalid: data[pin]: Invalid value: "hunter2"'],
    [400, "json: cannot unmarshal hunter2"],
  ])("%i on a Secret does not repeat what may be its value", (code, message) => {
    const causes = [{ reason: "FieldValueInvalid", field: "data[pin]", message: 'Invalid value: "hunter2"' }];
    const error = answerError(onSecret, status(code, "Invalid", message, causes));
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain("hunter2");
    expect(error.message).toContain("data[pin]");
  });

  test("does not repeat the secret segment in the URL of a webhook that failed", () => {
    const segment = "0123456789abcdef".repeat(4);
    const message = `conversion webhook for e/v1, Kind=E failed: Post "https://127.0.0.1:1/${segment}/crdconvert/es.e?timeout=30s": EOF`;
    const causes = [{ reason: "UnexpectedServerResponse", message }];
    const error = answerError(request, status(500, "", message, causes));
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(segment);
    expect(error.message).toContain('Post "https://127.0.0.1:1/…/crdconvert/es.e?timeout=30s": EOF');
  });

  test("names the field of a Secret that has the wrong type", () => {
    const message =
      "failed to create typed patch object (/a; /v1, Kind=Secret): .data.pin: expected string, got &value{5}";
    expect(answerError(onSecret, status(500, "", message)).message).toContain(".data.pin (expected string)");
  });

  test("says who may not do what, on a Secret too", () => {
    const message = 'secrets "a" is forbidden: User "u" cannot get resource "secrets"';
    expect(answerError(onSecret, status(403, "Forbidden", message)).message).toContain(message);
  });

  test("a body that is no Status is shortened", () => {
    expect(answerError(request, { status: 502, body: "x".repeat(5_000) }).message.length).toBeLessThan(400);
  });
});

test("a 404 without a Status object means that the path is not served", () => {
  expect(isMissingPath(404, "404 page not found\n")).toBe(true);
  expect(isMissingPath(404, status(404, "NotFound").body)).toBe(false);
});

test.each([
  ["ECONNREFUSED", "KUBE_UNAVAILABLE"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "KUBE_TLS"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "KUBE_TLS"],
  ["UND_ERR_DESTROYED", "KUBE_STOPPED"],
])("a connection that fails with %s is %s", (code, wanted) => {
  const error = connectionError(request, Object.assign(new Error("no"), { code }));
  expect(error.code).toBe(wanted);
  expect(error.cause).toMatchObject({ code });
});

test("isKubeError asks for any or for certain codes", () => {
  const error = answerError(request, status(409, "Conflict"));
  expect(isKubeError(error)).toBe(true);
  expect(isKubeError(error, "KUBE_GONE", "KUBE_CONFLICT")).toBe(true);
  expect(isKubeError(error, "KUBE_GONE")).toBe(false);
  expect(isKubeError(new Error("other"))).toBe(false);
});
