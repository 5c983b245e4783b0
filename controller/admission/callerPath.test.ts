import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerError } from "../kube/errors.ts";
import { callerPath, isToken, newToken, openPath, tokenOfKey } from "./callerPath.ts";

const path = fc.webPath().map(text => `/${text.replace(/^\/+/, "")}`);

describe("the path that the API server is told", () => {
  it("is opened by its token and by no other", () => {
    const [token, other] = [newToken(), newToken()];
    fc.assert(
      fc.property(path, inner => {
        expect(openPath(callerPath(inner, token), token)).toBe(inner);
        expect(openPath(callerPath(inner, token), other)).toBeUndefined();
        expect(openPath(inner, token)).toBeUndefined();
      }),
    );
  });

  it("opens no other path, for a refused caller may be shown it", () => {
    const token = newToken();
    const segment = callerPath("/overrides/backends.e", token).split("/")[1];
    expect(openPath(`/${segment}/overrides/backends.e`, token)).toBe("/overrides/backends.e");
    expect(openPath(`/${segment}/overrides/others.e`, token)).toBeUndefined();
    expect(openPath(`/${segment}/validations/flights.yoke.cd`, token)).toBeUndefined();
  });

  it("is not repeated in errors, where the API server quotes the URL of a call", () => {
    const path = callerPath("/crdconvert/backends.e", newToken());
    const words = `conversion webhook failed: Post "https://127.0.0.1:1${path}?timeout=30s": EOF`;
    const answer = { status: 500, body: JSON.stringify({ kind: "Status", message: words }) };
    const { message } = answerError({ method: "GET", path: "/apis/e/v1/backends" }, answer);
    expect(message).toContain("https://127.0.0.1:1/…/crdconvert/backends.e?timeout=30s");
  });

  it("does not hold the token", () => {
    const token = newToken();
    expect(callerPath("/validations/flights.yoke.cd", token)).toMatch(
      /^\/[0-9a-f]{64}\/validations\/flights\.yoke\.cd$/,
    );
    expect(callerPath("/validations/flights.yoke.cd", token)).not.toContain(token);
  });
});

describe("a token", () => {
  it("is made anew each time, or comes from the key, so that replicas agree", () => {
    expect(newToken()).not.toBe(newToken());
    expect(tokenOfKey("KEY")).toBe(tokenOfKey("KEY"));
    expect(tokenOfKey("KEY")).not.toBe(tokenOfKey("OTHER"));
    for (const token of [newToken(), tokenOfKey("KEY")]) expect(isToken(token)).toBe(true);
    expect(isToken("")).toBe(false);
  });
});
