import { describe, expect, it } from "vitest";
import { accountOf, accountUser, namedAccount } from "./account.ts";
import { parseAirway } from "./spec.ts";

const airway = (serviceAccountName: unknown, scope = "Namespaced") => ({
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  metadata: { name: "things.x.com" },
  spec: {
    serviceAccountName,
    wasmUrls: { flight: "https://x/f" },
    template: {
      ...{ group: "x.com", scope, names: { kind: "Thing", plural: "things" } },
      versions: [{ name: "v1", served: true, storage: true }],
    },
  },
});

describe("spec.serviceAccountName", () => {
  it("names an account of the release's namespace, or of its own", () => {
    expect(accountOf("worker", "team")).toEqual({ namespace: "team", name: "worker" });
    expect(accountOf("flights/worker", "team")).toEqual({ namespace: "flights", name: "worker" });
    expect(accountOf(undefined, "team")).toBeUndefined();
    expect(accountUser({ namespace: "team", name: "a.b" })).toBe("system:serviceaccount:team:a.b");
  });

  it.each(["", "/worker", "a/b/c", "Worker", "a/", "x:y", "a\nb", "-a", 5])("is not %j", text => {
    expect(() => parseAirway(airway(text))).toThrow("spec.serviceAccountName");
  });

  it("has a namespace where owners have none", () => {
    expect(() => parseAirway(airway("worker", "Cluster"))).toThrow("must be <namespace>/<name>");
    expect(parseAirway(airway("team/worker", "Cluster"))).toMatchObject({ serviceAccountName: "team/worker" });
    expect(parseAirway(airway("worker"))).toMatchObject({ serviceAccountName: "worker" });
  });

  it("is read of a spec that is wrong elsewhere", () => {
    expect(namedAccount({ ...airway("worker"), spec: { serviceAccountName: "worker", mode: "nope" } })).toBe("worker");
    expect(namedAccount(airway(undefined))).toBeUndefined();
  });
});
