import { expect, test } from "vitest";
import * as z from "zod";
import { airway } from "./airway.ts";
import { toCrd } from "./crd.ts";
import { defineFlight } from "./flight.ts";

const render = () => [];

test("names, scope and version have their usual defaults", () => {
  const crd = toCrd(defineFlight({ group: "example.com", kind: "Backend", spec: z.object({ a: z.string() }), render }));
  expect(crd).toEqual({
    group: "example.com",
    names: { kind: "Backend", plural: "backends", singular: "backend", listKind: "BackendList" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { a: { type: "string" } }, required: ["a"] } },
            required: ["spec"],
          },
        },
      },
    ],
  });
});

test("a spec that needs nothing may be left out and still gets its defaults", () => {
  const spec = z.object({ a: z.string().default("x") });
  const crd = toCrd(defineFlight({ group: "example.com", kind: "Backend", spec, render }));
  expect(crd.versions[0]?.schema.openAPIV3Schema).toMatchObject({ properties: { spec: { default: {} } } });
  expect(crd.versions[0]?.schema.openAPIV3Schema).not.toHaveProperty("required");
});

test("what a flight says of itself is in its CRD", () => {
  const column = { name: "Msg", type: "string", jsonPath: ".status.msg" } as const;
  const crd = toCrd(
    defineFlight({
      group: "example.com",
      version: "v1beta1",
      kind: "Policy",
      plural: "policies",
      shortNames: ["pol"],
      scope: "Cluster",
      description: "A policy.",
      spec: z.object({}),
      status: z.object({ msg: z.string() }),
      printerColumns: [column],
      render,
    }),
  );
  expect(crd).toMatchObject({
    names: { plural: "policies", shortNames: ["pol"] },
    scope: "Cluster",
    versions: [
      {
        name: "v1beta1",
        additionalPrinterColumns: [column],
        schema: {
          openAPIV3Schema: {
            description: "A policy.",
            properties: { status: { properties: { msg: { type: "string" } } } },
          },
        },
      },
    ],
  });
});

test("a spec that is no object is refused", () => {
  const flight = defineFlight({ group: "example.com", kind: "Text", spec: z.string(), render });
  expect(() => toCrd(flight)).toThrow(expect.objectContaining({ code: "FLIGHT_SCHEMA_UNSUPPORTED" }));
});

test("the Airway of a flight is named as its CRD", () => {
  const flight = defineFlight({ group: "example.com", kind: "Backend", spec: z.object({}), render });
  const made = airway(flight, { url: "configmap://a/b/c", sha256: "00", timeout: "2s" });
  expect(made).toEqual({
    apiVersion: "yoke.cd/v1alpha1",
    kind: "Airway",
    metadata: { name: "backends.example.com" },
    spec: {
      wasmUrls: { flight: "configmap://a/b/c", flightChecksum: "00" },
      mode: "dynamic",
      clusterAccess: true,
      timeout: "2s",
      template: toCrd(flight),
    },
  });
});

test("other versions have their own schema; the flight's is the one that is stored", () => {
  const flight = defineFlight({
    group: "example.com",
    version: "v2",
    kind: "Backend",
    spec: z.object({ img: z.string() }),
    otherVersions: { v1: { spec: z.object({ image: z.string() }) }, v0: { spec: z.object({}), served: false } },
    render,
  });
  const { versions } = toCrd(flight);
  expect(versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
    ["v2", true, true],
    ["v1", true, false],
    ["v0", false, false],
  ]);
  expect(versions[1]?.schema.openAPIV3Schema).toMatchObject({
    properties: { spec: { properties: { image: { type: "string" } } } },
  });
  const made = airway(flight, { url: "configmap://a/b/c", converter: { url: "configmap://a/b/d", sha256: "01" } });
  expect(made.spec["wasmUrls"]).toEqual({
    flight: "configmap://a/b/c",
    converter: "configmap://a/b/d",
    converterChecksum: "01",
  });
});

test("what is wrong in another version is named with it", () => {
  const flight = defineFlight({
    group: "example.com",
    version: "v2",
    kind: "Backend",
    spec: z.object({}),
    otherVersions: { v1: { spec: z.object({ at: z.date() }) } },
    render,
  });
  expect(() => toCrd(flight)).toThrow("v1.spec.at");
});
