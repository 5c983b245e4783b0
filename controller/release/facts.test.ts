import { expect, test } from "vitest";
import { factsOf } from "./facts.ts";

const crd = (ownerReferences: { apiVersion: string; kind: string; name: string; uid: string }[]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "backends.examples.com", ownerReferences },
});

test("what serves an Airway belongs to it, so that no release takes it over", () => {
  const reference = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name: "backends.examples.com", uid: "u" };
  expect(factsOf(crd([reference])).owner).toBe("Airway backends.examples.com");
  expect(factsOf(crd([{ ...reference, apiVersion: "other.example/v1" }])).owner).toBe("");
  expect(factsOf(crd([{ ...reference, kind: "Flight" }])).owner).toBe("");
  const annotations = { "instance.atc.yoke.cd/release": "r", "instance.atc.yoke.cd/namespace": "ns" };
  const child = crd([reference]);
  expect(factsOf({ ...child, metadata: { ...child.metadata, annotations } }).owner).toBe("ns/r");
});
