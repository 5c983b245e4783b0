import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import type { ReflectorHandler } from "../kube/reflector.ts";
import { tellList } from "../kube/testing/tellList.ts";
import { OwnerStore } from "./ownerStore.ts";

const key = "ns/a";

function setUp(first: "listed" | "unlisted" = "listed") {
  const changes: string[] = [];
  let watch: ReflectorHandler | undefined;
  const store = new OwnerStore({
    keyOf: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    type: { group: "x", version: "v1", apiVersion: "x/v1", kind: "Thing", plural: "things", namespaced: true },
    openReflector: handler => {
      watch = handler;
      return {} as never;
    },
    changed: (_, change) => changes.push(change),
  });
  if (watch === undefined) throw new Error("the instances are not watched");
  if (first === "listed") tellList(watch, [], "1");
  return { store, changes, watch };
}

function thing(uid: string, resourceVersion: string, spec: unknown = {}): KubeObject {
  const metadata = { name: "a", namespace: "ns", uid, resourceVersion };
  return { apiVersion: "x/v1", kind: "Thing", metadata, spec };
}

function ready(status: string) {
  return { conditions: [{ type: "Ready", status }] };
}

describe("OwnerStore", () => {
  it("tells what a flight can see and what a controller recorded, and nothing else of status and finalizers", () => {
    const { changes, watch } = setUp();
    watch.upsert(thing("u", "1"));
    watch.upsert({ ...thing("u", "2"), status: { conditions: [] } });
    watch.upsert(thing("u", "3", { other: true }));
    watch.upsert({ ...thing("u", "4", { other: true }), status: { atc: { flight: "f" } } });
    watch.upsert({ ...thing("u", "5", { other: true }), status: { ...ready("True"), atc: { flight: "f" } } });
    watch.delete(thing("u", "6"));
    expect(changes).toEqual(["added", "input", "record", "record", "gone"]);
  });

  it("takes from a list what is newer, and leaves alone what the list does not know yet", () => {
    const { store, changes, watch } = setUp();
    watch.upsert(thing("u", "5"));
    store.refresh([thing("u", "4", { older: true })]);
    store.refresh([]);
    expect(store.get(key)?.metadata.resourceVersion).toBe("5");
    store.refresh([{ ...thing("u", "6"), status: { atc: { flight: "f" } } }]);
    expect(store.get(key)?.metadata.resourceVersion).toBe("6");
    expect(changes).toEqual(["added", "record"]);
  });

  it("tells what a list of its owner says before the first one of its watch, and then no more that it is new", () => {
    const { store, changes, watch } = setUp("unlisted");
    watch.upsert(thing("u", "4"));
    expect(store.keys()).toEqual([]);
    store.refresh([thing("u", "5", { other: true })]);
    expect(changes).toEqual(["added", "input"]);
    expect(store.keys()).toEqual([key]);
    tellList(watch, [thing("u", "5", { other: true })], "5");
    expect(changes).toEqual(["added", "input"]);
  });

  it("tells the instances of the first list when it is complete", () => {
    const { changes, watch } = setUp("unlisted");
    watch.upsert(thing("u", "1"));
    expect(changes).toEqual([]);
    watch.listed(new Set(["ns/a"]), "1");
    expect(changes).toEqual(["added"]);
    watch.upsert(thing("u", "2", { other: true }));
    expect(changes).toEqual(["added", "input"]);
  });

  it("takes in what a write of ours returned", () => {
    const { store, watch } = setUp();
    watch.upsert(thing("u", "1"));
    store.observe(thing("u", "3", { own: true }));
    watch.upsert(thing("u", "2"));
    expect(store.get(key)?.["spec"]).toEqual({ own: true });
  });

  it("tells a status of ours that comes late, but not that of a write whose answer was there", () => {
    const { store, changes, watch } = setUp();
    watch.upsert(thing("u", "1"));
    store.observe({ ...thing("u", "3"), status: ready("True") });
    watch.upsert({ ...thing("u", "3"), status: ready("True") });
    expect(changes).toEqual(["added"]);
    watch.upsert({ ...thing("u", "4"), status: ready("False") });
    expect(changes).toEqual(["added", "record"]);
  });

  it("follows an API server whose history went back", () => {
    const { store, changes, watch } = setUp();
    watch.upsert(thing("u", "50", { newer: true }));
    watch.rewound?.();
    tellList(watch, [thing("u", "20", { newer: false })], "30");
    expect(store.get(key)?.["spec"]).toEqual({ newer: false });
    expect(changes).toEqual(["added", "input"]);
  });

  it("does not bring an instance back by the late answer to a write", () => {
    const { store, changes, watch } = setUp();
    watch.upsert(thing("u", "1"));
    watch.delete(thing("u", "3"));
    store.observe(thing("u", "2"));
    expect(store.get(key)).toBeUndefined();
    expect(changes).toEqual(["added", "gone"]);
  });
});
