import { describe, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { conditionsSchema, instanceCrd } from "./crd.ts";
import { airwayCrd, clusterFlightCrd, flightCrd } from "./crds.ts";
import { schemaProblems } from "./schema.ts";
import { type CrdVersion, parseAirway } from "./spec.ts";

type Schema = Record<string, unknown>;

function airway(version: Record<string, unknown>, template: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "yoke.cd/v1alpha1",
    kind: "Airway",
    metadata: { name: "backends.examples.com", uid: "a-uid" },
    spec: {
      wasmUrls: { flight: "configmap://demo/flight/main.js" },
      template: {
        group: "examples.com",
        names: { kind: "Backend", plural: "backends", shortNames: ["be"] },
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true, ...version }],
        ...template,
      },
    },
  };
}

function firstVersion(version: Record<string, unknown>): CrdVersion {
  const object = airway(version);
  const crd = instanceCrd(object, parseAirway(object)) as KubeObject & { spec: { versions: CrdVersion[] } };
  const [first] = crd.spec.versions;
  if (first === undefined) throw new Error("no version");
  return first;
}

function withRoot(root: Schema): Schema {
  return firstVersion({ schema: { openAPIV3Schema: root } }).schema?.openAPIV3Schema ?? {};
}

function statusOf(status: Schema): Schema {
  const root = withRoot({ type: "object", properties: { status } });
  return (root["properties"] as Record<string, Schema>)["status"] ?? {};
}

function refusal(status: Schema): CodedError {
  try {
    statusOf(status);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("accepted");
}

test("an Airway with a converter has its CRD ask for it, whatever the template says", () => {
  const object = airway({}, { conversion: { strategy: "None" } });
  const spec = parseAirway(object);
  expect(instanceCrd(object, spec)["spec"]).toMatchObject({ conversion: { strategy: "None" } });
  const clientConfig = { url: "https://127.0.0.1:3000/crdconvert/backends.examples.com", caBundle: "" };
  expect(instanceCrd(object, spec, clientConfig)["spec"]).toMatchObject({
    conversion: { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } },
  });
});

describe("the CRD of an Airway", () => {
  test("is named like it, owned by it, and passes the template on", () => {
    const object = airway({}, { conversion: { strategy: "None" } });
    expect(instanceCrd(object, parseAirway(object))).toMatchObject({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: {
        name: "backends.examples.com",
        ownerReferences: [
          {
            apiVersion: "yoke.cd/v1alpha1",
            kind: "Airway",
            name: "backends.examples.com",
            uid: "a-uid",
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        group: "examples.com",
        names: { kind: "Backend", plural: "backends", shortNames: ["be"] },
        scope: "Namespaced",
        conversion: { strategy: "None" },
      },
    });
  });

  test("does not change the template", () => {
    const object = airway({
      schema: { openAPIV3Schema: { type: "object", properties: { status: { type: "object" } } } },
    });
    const before = structuredClone(object);
    instanceCrd(object, parseAirway(object));
    expect(object).toEqual(before);
  });

  test("keeps a declared scale and always has a status subresource", () => {
    const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
    expect(firstVersion({ subresources: { scale } }).subresources).toEqual({ status: {}, scale });
    expect(firstVersion({}).subresources).toEqual({ status: {} });
  });

  test("has columns of its own only where the template has none", () => {
    const own = [{ name: "Image", type: "string", jsonPath: ".spec.image" }];
    expect(firstVersion({ additionalPrinterColumns: own }).additionalPrinterColumns).toEqual(own);
    expect(firstVersion({}).additionalPrinterColumns).toMatchObject([
      { name: "Ready" },
      { name: "Reason" },
      { name: "Age" },
      { name: "Message", priority: 1 },
    ]);
  });

  test("has a schema that Kubernetes accepts, whatever the template has", () => {
    expect(schemaProblems(firstVersion({}).schema?.openAPIV3Schema, "schema")).toEqual([]);
    expect(
      schemaProblems(withRoot({ type: "object", "x-kubernetes-preserve-unknown-fields": true }), "schema"),
    ).toEqual([]);
  });
});

describe("status", () => {
  const injected = { conditions: conditionsSchema, atc: { "x-kubernetes-preserve-unknown-fields": true } };

  test("is injected where there is none", () => {
    expect(withRoot({ type: "object" })).toMatchObject({
      properties: { status: { type: "object", properties: injected } },
    });
  });

  test("gets conditions and the record beside its own properties", () => {
    const declared = { type: "object", required: ["msg"], properties: { msg: { type: "string" } } };
    expect(statusOf(declared)).toMatchObject({
      required: ["msg"],
      properties: { msg: { type: "string" }, ...injected },
    });
  });

  test("gets them where it lists no properties", () => {
    expect(statusOf({ type: "object", "x-kubernetes-preserve-unknown-fields": true })).toMatchObject({
      "x-kubernetes-preserve-unknown-fields": true,
      properties: injected,
    });
  });

  test("is never required", () => {
    expect(withRoot({ type: "object", required: ["spec", "status"] })).toMatchObject({ required: ["spec"] });
    expect(withRoot({ type: "object", required: ["status"] })).not.toHaveProperty("required");
  });

  test.each(["atomic", undefined])(
    "keeps declared conditions, as a list told apart by type instead of %s",
    listType => {
      const { "x-kubernetes-list-type": _, "x-kubernetes-list-map-keys": __, ...plain } = conditionsSchema;
      const declared = { ...plain, description: "mine", ...(listType ? { "x-kubernetes-list-type": listType } : {}) };
      expect(statusOf({ type: "object", properties: { conditions: declared } })).toMatchObject({
        properties: { conditions: { ...conditionsSchema, description: "mine" } },
      });
    },
  );

  const path = "spec.template.versions[v1].schema.openAPIV3Schema.properties.status";
  const condition = conditionsSchema.items;
  const conditions = (items: Schema) => ({
    type: "object",
    properties: { conditions: { type: "array", items } },
  });

  test.each<[string, Schema, string]>([
    ["a status without type", { "x-kubernetes-preserve-unknown-fields": true }, `${path}.type`],
    ["a status that is a text", { type: "string" }, `${path}.type`],
    [
      "a status that is a map",
      { type: "object", additionalProperties: { type: "string" } },
      `${path}.additionalProperties`,
    ],
    ["a status.atc of its own", { type: "object", properties: { atc: { type: "string" } } }, `${path}.properties.atc`],
    [
      "conditions as an object",
      { type: "object", properties: { conditions: { type: "object" } } },
      `${path}.properties.conditions.type`,
    ],
    ["conditions of texts", conditions({ type: "string" }), ".items.type"],
    [
      "a condition with another field",
      conditions({ ...condition, properties: { ...condition.properties, severity: { type: "string" } } }),
      ".items.properties.severity",
    ],
    [
      "a condition with a field of another type",
      conditions({ ...condition, properties: { ...condition.properties, status: { type: "boolean" } } }),
      ".items.properties.status",
    ],
    ["a condition that may lack its reason", conditions({ ...condition, required: ["type"] }), "must contain"],
  ])("%s is refused with its path", (_, status, words) => {
    const error = refusal(status);
    expect(error.code).toBe("AIRWAY_STATUS_INVALID");
    expect(error.message).toContain(words);
  });
});

describe("the controller's own kinds", () => {
  test.each([airwayCrd, flightCrd, clusterFlightCrd])("$metadata.name has a structural schema", crd => {
    const { versions } = crd["spec"] as { versions: CrdVersion[] };
    for (const version of versions)
      expect(schemaProblems(version.schema?.openAPIV3Schema, crd.metadata.name)).toEqual([]);
  });
});
