import fc from "fast-check";
import { expect, test } from "vitest";
import type { LookupRequest } from "./lookup.ts";
import { groupVersionOf } from "./lookup.ts";
import { mostQuestions, Questions } from "./questions.ts";

const secret: LookupRequest = { apiVersion: "v1", kind: "Secret", namespace: "shop", name: "nginx" };

function asking() {
  const reached: LookupRequest[] = [];
  const questions = new Questions({
    async lookup(request) {
      reached.push(request);
      return { state: "not-found", message: "none" };
    },
  });
  const lookup = async (request: LookupRequest) =>
    JSON.parse(await questions.answer({ type: "lookup", request })) as { state: string; message: string };
  return { reached, questions, lookup };
}

test.each<[string, Partial<LookupRequest>]>([
  ["a path for a name", { name: "../../secrets/x" }],
  ["the folder above", { name: ".." }],
  ["an escaped slash", { name: "..%2f..%2fsecrets" }],
  ["a line break in a name", { name: "a\nb" }],
  ["no name", { name: "" }],
  ["a long name", { name: "x".repeat(254) }],
  ["a path for a namespace", { namespace: "../kube-system" }],
  ["a path for a kind", { kind: "Secret/../Pod" }],
  ["a query in a kind", { kind: "Secret?watch=1" }],
  ["a trap of JavaScript's for a kind", { kind: "__proto__" }],
  ["no kind", { kind: "" }],
  ["a path for an apiVersion", { apiVersion: "../../api/v1" }],
  ["a URL for an apiVersion", { apiVersion: "http://elsewhere/v1" }],
  ["three parts of an apiVersion", { apiVersion: "a/b/c" }],
])("%s is answered with an error and asked of nobody", async (_, odd) => {
  const { reached, lookup } = asking();
  expect(await lookup({ ...secret, ...odd })).toMatchObject({
    state: "error",
    message: expect.stringContaining("is no"),
  });
  expect(reached).toEqual([]);
});

test.each<Partial<LookupRequest>>([
  {},
  { namespace: "" },
  { name: "system:controller:node" },
  { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" },
  { kind: "constructor" },
])("%j is asked as it is", async usual => {
  const { reached, lookup } = asking();
  expect(await lookup({ ...secret, ...usual })).toEqual({ state: "not-found", message: "none" });
  expect(reached).toEqual([{ ...secret, ...usual }]);
});

test("whatever is asked for, what is passed on stays in its segment of a URL", async () => {
  const word = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("..", "a/b", "%2e%2e", "a?b", "#"));
  await fc.assert(
    fc.asyncProperty(fc.record({ apiVersion: word, kind: word, namespace: word, name: word }), async request => {
      const { reached, lookup } = asking();
      await lookup(request);
      for (const { kind, namespace, name } of reached) {
        const path = [kind, namespace, name].map(encodeURIComponent).join("/");
        expect(new URL(`http://host/${path}`).pathname.split("/")).toHaveLength(4);
      }
    }),
    { numRuns: 300 },
  );
});

test("questions without end have one", async () => {
  const { questions } = asking();
  const ask = () => questions.answer({ type: "lookup", request: secret });
  for (let i = 0; i < mostQuestions; i++) await ask();
  await expect(ask()).rejects.toMatchObject({ code: "FLIGHT_TOO_MANY_LOOKUPS" });
});

test("kinds are mapped where the host can, and odd ones are not asked", async () => {
  const asked: unknown[] = [];
  const questions = new Questions({
    lookup: () => Promise.reject(new Error("not asked")),
    async restMapping(request) {
      asked.push(request);
      return { state: "not-found", message: "none" };
    },
  });
  await questions.answer({ type: "rest-mapping", group: "apps", version: "", kind: "Deployment" });
  await questions.answer({ type: "rest-mapping", group: "", version: "", kind: "Pod" });
  expect(asked).toEqual([
    { group: "apps", version: "", kind: "Deployment" },
    { group: "", version: "", kind: "Pod" },
  ]);
  const odd = await questions.answer({ type: "rest-mapping", group: "../x", version: "v1", kind: "Pod" });
  expect(JSON.parse(odd)).toMatchObject({ state: "error" });
  expect(asked).toHaveLength(2);
  const { questions: without } = asking();
  expect(JSON.parse(await without.answer({ type: "rest-mapping", group: "", version: "v1", kind: "Pod" }))).toEqual({
    state: "error",
    message: "kinds cannot be mapped here",
  });
});

test.each([
  ["", { group: "", version: "" }],
  ["apps", { group: "apps", version: "" }],
  ["apps/v1", { group: "apps", version: "v1" }],
  ["/v1", { group: "", version: "v1" }],
  ["v1", { group: "", version: "v1" }],
  ["v2beta1", { group: "", version: "v2beta1" }],
  ["vault", { group: "vault", version: "" }],
  ["example.com", { group: "example.com", version: "" }],
])("a flight that asks for %j means %j", (text, meant) => {
  expect(groupVersionOf(text)).toEqual(meant);
});
