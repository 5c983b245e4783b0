import { expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { answerError } from "../kube/errors.ts";
import { moduleErrors } from "../modules/errors.ts";
import { errors as releaseErrors } from "../release/errors.ts";
import { reconcileErrors } from "./errors.ts";
import { longestPause } from "./longestPause.ts";

const answer = (status: number) => answerError({ method: "PATCH", path: "/x" }, { status, headers: {}, body: "" });
const minutes = (count: number) => count * 60_000;

it.each([
  ["trouble of the API server", answer(503), 10_000],
  ["a missing right", answer(403), 10_000],
  ["rights that an account lacks", reconcileErrors.RELEASE_RIGHTS_MISSING({ who: "a", kinds: "b", rules: [] }), 10_000],
  [
    "a kind that is not served",
    releaseErrors.RELEASE_KIND_UNKNOWN({ object: "x", apiVersion: "a/v1", kind: "A" }),
    10_000,
  ],
  ["what is at a URL", moduleErrors.MODULE_MISSING({ url: "https://x", why: "it is gone" }), minutes(1)],
  ["an object that is refused", answer(422), minutes(15)],
  ["a flight that fails", new CodedError("FLIGHT_FAILED", "it failed", "Mend it."), minutes(15)],
  ["a mistake of ours", new TypeError("not a function"), minutes(15)],
])("after %s", (_, error, milliseconds) => {
  expect(longestPause(error)).toBe(milliseconds);
});
