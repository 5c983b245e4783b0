import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { parseAirway } from "./spec.ts";

const version = {
  name: "v1",
  served: true,
  storage: true,
  schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object" } } } },
};
const template = {
  group: "examples.com",
  names: { kind: "Backend", plural: "backends" },
  scope: "Namespaced",
  versions: [version],
};

function airway(spec: Record<string, unknown>, name = "backends.examples.com"): KubeObject {
  return {
    apiVersion: "yoke.cd/v1alpha1",
    kind: "Airway",
    metadata: { name, uid: "a-uid" },
    spec: { wasmUrls: { flight: "configmap://demo/flight/main.js" }, template, ...spec },
  };
}

function failure(object: KubeObject): CodedError {
  try {
    parseAirway(object);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("parsed without an error");
}

describe("an Airway that says as little as possible", () => {
  test("gets the contract's defaults", () => {
    expect(parseAirway(airway({}))).toEqual({
      flightUrl: "configmap://demo/flight/main.js",
      insecure: false,
      mode: "standard",
      clusterAccess: false,
      resourceAccessMatchers: [],
      objectPath: [],
      timeoutMs: 10_000,
      maxMemoryMib: 4096,
      historyCapSize: 2,
      skipAdmissionWebhook: false,
      prune: { crds: false, namespaces: false },
      template,
      storageVersion: "v1",
      apiVersion: "examples.com/v1",
      group: "examples.com",
      kind: "Backend",
      plural: "backends",
      scope: "Namespaced",
    });
  });
});

describe("an Airway that says everything", () => {
  const spec = parseAirway(
    airway({
      wasmUrls: {
        ...{ flight: "configmap://demo/flight/main.js", flightChecksum: "abc" },
        ...{ converter: "configmap://demo/flight/converter.js", converterChecksum: "def" },
      },
      mode: "dynamic",
      clusterAccess: true,
      resourceAccessMatchers: ["Secret", "demo/ConfigMap:one"],
      objectPath: ["spec", "values"],
      fixDriftInterval: "1m30s",
      timeout: "30ms",
      maxMemoryMib: 64,
      historyCapSize: 5,
      prune: { crds: true },
    }),
  );

  test("is taken at its word", () => {
    expect(spec).toMatchObject({
      flightChecksum: "abc",
      converter: { url: "configmap://demo/flight/converter.js", checksum: "def" },
      mode: "dynamic",
      clusterAccess: true,
      resourceAccessMatchers: [
        { namespace: "*", groupKind: "Secret", name: "*" },
        { namespace: "demo", groupKind: "ConfigMap", name: "one" },
      ],
      objectPath: ["spec", "values"],
      fixDriftIntervalMs: 90_000,
      timeoutMs: 30,
      maxMemoryMib: 64,
      historyCapSize: 5,
      prune: { crds: true, namespaces: false },
    });
  });
});

test("negative limits mean none, and zero means the default", () => {
  expect(parseAirway(airway({ timeout: "-1s", historyCapSize: -1, fixDriftInterval: "0s" }))).toMatchObject({
    timeoutMs: undefined,
    historyCapSize: Number.POSITIVE_INFINITY,
  });
  expect(parseAirway(airway({ fixDriftInterval: "-5s" }))).not.toHaveProperty("fixDriftIntervalMs");
  expect(parseAirway(airway({ timeout: "0", maxMemoryMib: 0, historyCapSize: 0 }))).toMatchObject({
    timeoutMs: 10_000,
    maxMemoryMib: 4096,
    historyCapSize: 2,
  });
});

test("the storage version is found among several", () => {
  const versions = [
    { ...version, storage: false },
    { ...version, name: "v2" },
  ];
  expect(parseAirway(airway({ template: { ...template, versions } }))).toMatchObject({
    storageVersion: "v2",
    apiVersion: "examples.com/v2",
  });
});

describe("bad Airways", () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    ["a duration without unit", { timeout: "10" }, "AIRWAY_DURATION_INVALID", 'spec.timeout: "10"'],
    ["a drift interval in words", { fixDriftInterval: "soon" }, "AIRWAY_DURATION_INVALID", "spec.fixDriftInterval"],
    ["a mode that nobody knows", { mode: "eager" }, "AIRWAY_MODE_UNKNOWN", 'spec.mode: there is no mode "eager"'],
    ["no flight", { wasmUrls: {} }, "AIRWAY_FIELD_INVALID", "spec.wasmUrls.flight"],
    [
      "an empty flight",
      { wasmUrls: { flight: "" } },
      "AIRWAY_FIELD_INVALID",
      "spec.wasmUrls.flight: must not be empty",
    ],
    ["a number as matcher", { resourceAccessMatchers: [1] }, "AIRWAY_FIELD_INVALID", "spec.resourceAccessMatchers[0]"],
    ["negative memory", { maxMemoryMib: -1 }, "AIRWAY_FIELD_INVALID", "spec.maxMemoryMib"],
    ["no versions", { template: { ...template, versions: [] } }, "AIRWAY_FIELD_INVALID", "spec.template.versions"],
    ["another plural", { template: { ...template, group: "other" } }, "AIRWAY_NAME_MISMATCH", '"backends.other"'],
    [
      "no storage version",
      { template: { ...template, versions: [{ ...version, storage: false }] } },
      "AIRWAY_STORAGE_VERSION",
      "found 0",
    ],
    [
      "two storage versions",
      { template: { ...template, versions: [version, { ...version, name: "v2" }] } },
      "AIRWAY_STORAGE_VERSION",
      "found 2",
    ],
    [
      "a schema of another dialect",
      {
        template: {
          ...template,
          versions: [
            { ...version, schema: { openAPIV3Schema: { type: "object", properties: { spec: { $ref: "#/a" } } } } },
          ],
        },
      },
      "AIRWAY_SCHEMA_INVALID",
      "spec.template.versions[v1].schema.openAPIV3Schema.properties.spec.$ref",
    ],
  ])("%s", (_, spec, code, words) => {
    const error = failure(airway(spec));
    expect(error.code).toBe(code);
    expect(error.message).toContain("Airway backends.examples.com");
    expect(error.message).toContain(words);
  });

  test("no spec at all", () => {
    const { spec: _, ...bare } = airway({});
    expect(failure(bare as KubeObject).message).toContain("Airway backends.examples.com: spec:");
  });

  test("a schema full of mistakes gives a message of readable length", () => {
    const properties = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`p${at}`, {}]));
    const versions = [{ ...version, schema: { openAPIV3Schema: { type: "object", properties } } }];
    const { message } = failure(airway({ template: { ...template, versions } }));
    expect(message).toContain("and 95 more");
    expect(message.length).toBeLessThan(1000);
  });
});

test("whatever an Airway says, it is a specification or an error with a code", () => {
  const fields =
    "wasmUrls template mode timeout maxMemoryMib objectPath resourceAccessMatchers fixDriftInterval historyCapSize prune group names scope versions name served storage schema openAPIV3Schema properties type kind plural flight __proto__ constructor".split(
      " ",
    );
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(-1, 1e300, "1h", "-1s", "dynamic", ["*"], [[]], { a: null }, "../x", "Cluster"),
  );
  const change = fc.record({
    path: fc.array(fc.constantFrom(...fields, 0), { minLength: 1, maxLength: 5 }),
    value: odd,
  });
  /** A copy with the value where the path leads; a step that leads nowhere ends it. */
  const changed = (of: unknown, [step, ...rest]: readonly (string | number)[], value: unknown): unknown => {
    if (step === undefined) return value;
    if (Array.isArray(of)) return of.map((item, at) => (at === 0 ? changed(item, rest, value) : item));
    if (typeof of !== "object" || of === null) return value;
    const inside = Object.getOwnPropertyDescriptor(of, step)?.value;
    return Object.fromEntries([...Object.entries(of), [String(step), changed(inside, rest, value)]]);
  };
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
      const spec = changes.reduce<unknown>((of, { path, value }) => changed(of, path, value), airway({})["spec"]);
      try {
        const { maxMemoryMib, kind } = parseAirway({ ...airway({}), spec });
        expect(maxMemoryMib).toBeGreaterThanOrEqual(0);
        expect(kind).toMatch(/./);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^AIRWAY_/) });
      }
    }),
    { numRuns: 2000 },
  );
});
