import { expect, it } from "vitest";
import { withDefaults } from "./defaults.ts";

it("fills in what the Airway's schema says, as deep as there is something to fill", () => {
  const port = { type: "object", properties: { protocol: { default: "TCP" }, number: {} } };
  const spec = {
    type: "object",
    properties: {
      replicas: { default: 1 },
      ports: { type: "array", items: port },
      byName: { type: "object", additionalProperties: port },
      absent: { type: "object", properties: { x: { default: 1 } } },
      given: { default: "no" },
    },
  };
  const openAPIV3Schema = { type: "object", properties: { spec } };
  const template = { versions: [{ name: "v1", schema: { openAPIV3Schema } }] };
  const airway = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", metadata: { name: "a" }, spec: { template } };
  const instance = (of: unknown) => ({ apiVersion: "x/v1", kind: "A", metadata: { name: "a" }, spec: of });
  expect(withDefaults(instance({ ports: [{ number: 1 }], byName: { web: {} }, given: "yes" }), airway)).toEqual(
    instance({
      replicas: 1,
      ports: [{ number: 1, protocol: "TCP" }],
      byName: { web: { protocol: "TCP" } },
      given: "yes",
    }),
  );
  const other = { ...instance({}), apiVersion: "x/v2" };
  expect(withDefaults(other, airway)).toEqual(other);
});
