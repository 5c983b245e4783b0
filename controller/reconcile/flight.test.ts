import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { ownerKey } from "../release/normalise.ts";
import { flightReleaseName } from "./flight.ts";

const group = "yoke.cd";
const target = { namespace: "default", name: "basic", uid: "u1" };

function object(kind: string, uid: string): KubeObject {
  const annotations = { "instance.atc.yoke.cd/release": "basic", "instance.atc.yoke.cd/namespace": "default" };
  const ownerReferences = [{ apiVersion: "yoke.cd/v1alpha1", kind, name: "basic", uid }];
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", annotations, ownerReferences } };
}

describe("the release of a Flight", () => {
  it("is called like the Flight, and like no other kind's in the history", () => {
    expect(flightReleaseName({ kind: "Flight", group }, target)).toMatchObject({
      release: "basic",
      namespace: "default",
      history: "default/Flight.yoke.cd:basic",
    });
    expect(flightReleaseName({ kind: "ClusterFlight", group }, { ...target, namespace: "" })).toMatchObject({
      release: "basic",
      namespace: "default",
      history: "/ClusterFlight.yoke.cd:basic",
    });
  });

  it("owns what refers to it, and not what only has its name in the annotations", () => {
    const { owner } = flightReleaseName({ kind: "Flight", group }, target);
    expect(ownerKey(object("Flight", "u1"))).toBe(owner);
    expect(ownerKey(object("ClusterFlight", "u2"))).not.toBe(owner);
    expect(ownerKey(object("Deployment", "u3"))).toBe("default/basic");
  });
});
