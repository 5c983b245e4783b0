import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { parseFlight } from "./flightSpec.ts";

function flight(spec: unknown): KubeObject {
  return { apiVersion: "yoke.cd/v1alpha1", kind: "Flight", metadata: { name: "f", namespace: "ns" }, spec };
}

const wasmUrl = "oci://host/module:v1";

describe("a Flight", () => {
  test("has the defaults of the contract", () => {
    expect(parseFlight(flight({ wasmUrl }))).toEqual({
      url: wasmUrl,
      input: "",
      args: [],
      insecure: false,
      clusterAccess: false,
      resourceAccessMatchers: [],
      timeoutMs: 10_000,
      maxMemoryMib: 4096,
      historyCapSize: 2,
      skipAdmissionWebhook: false,
      prune: { crds: false, namespaces: false },
    });
  });

  test.each([
    [{ input: "raw" }, "raw"],
    [{ inputObject: { a: [1] } }, '{"a":[1]}'],
    [{ input: "raw", inputObject: { a: 1 } }, "raw"],
    [{ input: "", inputObject: { a: 1 } }, '{"a":1}'],
  ])("reads %j as its input", (spec, input) => {
    expect(parseFlight(flight({ wasmUrl, ...spec })).input).toBe(input);
  });

  test.each([
    [{}, "Flight ns/f: spec.wasmUrl"],
    [{ wasmUrl, args: [1] }, "Flight ns/f: spec.args[0]"],
    [{ wasmUrl, timeout: "10" }, 'Flight ns/f: spec.timeout: "10"'],
    [{ wasmUrl, serviceAccountName: "other/account" }, "must be a name in the namespace of the Flight"],
  ])("is refused with the place: %j", (spec, words) => {
    expect(() => parseFlight(flight(spec))).toThrow(words);
  });

  test("is taken or refused with its field, whatever stands in it", () => {
    const odd = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom(-1, 1e300, "1h", "-1s", "*", ["*"], { a: null }, "../x", "ns/account"),
    );
    const fields =
      "wasmUrl checksum input inputObject args timeout maxMemoryMib historyCapSize prune fixDriftInterval minRollInterval resourceAccessMatchers clusterAccess insecure serviceAccountName __proto__ constructor";
    const spec = fc.dictionary(fc.constantFrom(...fields.split(" ")), odd);
    fc.assert(
      fc.property(spec, fc.constantFrom("Flight", "ClusterFlight"), fc.boolean(), (of, kind, usable) => {
        const object = { ...flight({ ...of, ...(usable ? { wasmUrl } : {}) }), kind };
        try {
          const { url, input, args, maxMemoryMib } = parseFlight(object);
          expect([typeof url, typeof input, Array.isArray(args)]).toEqual(["string", "string", true]);
          expect(maxMemoryMib).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^AIRWAY_/) });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
