import { afterEach, describe, expect, it, vi } from "vitest";
import type { ResourceType } from "../kube/object.ts";
import type { ReflectorHandler } from "../kube/reflector.ts";
import { ManualClock } from "../kube/testing/manualClock.ts";
import { tellList } from "../kube/testing/tellList.ts";
import { anyVersion, KindWatch, kindKey } from "./kindWatch.ts";
import { trackedKey } from "./tracker.ts";

const widget: ResourceType = {
  ...{ group: "x.io", version: "v1", apiVersion: "x.io/v1", kind: "Widget" },
  ...{ plural: "widgets", namespaced: true },
};

function crd(name: string, resourceVersion = "10") {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name, resourceVersion },
  };
}

let watch: KindWatch;
afterEach(() => watch.stop());

function setUp(dependencies: string[], reflectors: string[] = []) {
  const served = new Set<string>();
  const told: string[] = [];
  const invalidated: string[] = [];
  const rechecked: string[] = [];
  const clock = new ManualClock({ skipUpToMs: 0 });
  let handler: ReflectorHandler | undefined;
  watch = new KindWatch({
    clock,
    discovery: {
      resolve: async (apiVersion, kind) => (served.has(`${apiVersion} ${kind}`) ? widget : undefined),
      preferred: async (group, kind) => (served.has(`${group}/v1 ${kind}`) ? widget : undefined),
      invalidate: apiVersion => void invalidated.push(apiVersion ?? ""),
    },
    openReflector: given => {
      handler = given;
      return { start: () => undefined, stop: async () => undefined } as never;
    },
    reflectors: () =>
      reflectors.map(
        group =>
          ({ type: { ...widget, group, apiVersion: `${group}/v1` }, recheck: () => rechecked.push(group) }) as never,
      ),
    dependencies: () => dependencies,
    served: key => void told.push(key),
  });
  if (handler === undefined) throw new Error("the CRDs are not watched");
  /** Lets the looks go on until the last one is over. */
  const looks = async (count: number) => {
    for (let look = 0; look < count; look++) {
      await vi.waitFor(() => expect(clock.scheduled.length).toBeGreaterThan(look));
      clock.advance(10_000);
      await new Promise(resolve => setImmediate(resolve));
    }
  };
  return { served, told, invalidated, rechecked, handler, looks };
}

describe("KindWatch", () => {
  it("tells once that a kind is served for which somebody waits, when the API server has followed its CRD", async () => {
    const key = kindKey("x.io/v1", "Widget");
    const { served, told, handler, looks } = setUp([key, kindKey("y.io/v1", "Widget")]);
    tellList(handler, [], "1");
    handler.upsert(crd("widgets.x.io"));
    await looks(2);
    expect(told).toEqual([]);
    served.add("x.io/v1 Widget");
    await looks(9);
    expect(told).toEqual([key]);
  });

  it("waits for exactly the version that is asked for, or for any", async () => {
    const keys = [kindKey("x.io/v2", "Widget"), kindKey(`x.io/${anyVersion}`, "Widget")];
    const { served, told, handler, looks } = setUp(keys);
    served.add("x.io/v1 Widget");
    tellList(handler, [], "1");
    handler.upsert(crd("widgets.x.io"));
    await looks(9);
    expect(told).toEqual([keys[1]]);
  });

  it("lets the watches of the group follow when a CRD goes, and leaves the others alone", async () => {
    const { rechecked, invalidated, handler, looks } = setUp(
      [trackedKey({ apiVersion: "x.io/v1", kind: "Widget", namespace: "n", name: "a" })],
      ["x.io", "y.io"],
    );
    tellList(handler, [crd("widgets.x.io")], "1");
    handler.delete(crd("widgets.x.io", "20"));
    await looks(1);
    expect([rechecked, invalidated]).toEqual([["x.io"], ["x.io/v1"]]);
  });

  it("does nothing for the CRDs that are there at the start", async () => {
    const { rechecked, handler } = setUp([], ["x.io"]);
    tellList(handler, [crd("widgets.x.io")], "1");
    await new Promise(resolve => setImmediate(resolve));
    expect(rechecked).toEqual([]);
  });
});
