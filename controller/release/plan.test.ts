import { describe, expect, it } from "vitest";
import { refKey } from "../kube/object.ts";
import type { ObjectFacts } from "./facts.ts";
import { leavesOf } from "./fields.ts";
import { type Applied, type LiveChild, leaving, planChild } from "./plan.ts";

const owner = "default/examples.com.Backend.default.nginx";
const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "nginx", namespace: "default" } };
const desired = { key: "v1|Secret|default|nginx", stage: 0, object, digest: "d1" };
const facts: ObjectFacts = { fields: "f1", owner, deleting: false, ready: true, gap: "", failure: undefined };
const applied: Applied = { digest: "d1", fields: "f1", leaves: leavesOf(object) };

function plan(
  live: Partial<ObjectFacts> | undefined,
  more: { applied?: Applied; seen?: string; version?: string; held?: boolean } = {},
) {
  const liveChild: LiveChild = {
    facts: live === undefined ? undefined : { ...facts, ...live },
    resourceVersion: more.version ?? "7",
  };
  return planChild({
    owner,
    desired,
    live: liveChild,
    applied: more.applied,
    held: more.held ?? false,
    seen: more.seen,
  });
}

describe("planChild", () => {
  it("keeps what is as it was applied", () => {
    expect(plan({}, { applied })).toMatchObject({ action: "keep" });
  });

  it.each([
    ["missing", undefined, applied],
    ["changed", {}, { ...applied, digest: "d0" }],
    ["drifted", { fields: "f0" }, applied],
    ["unknown", {}, undefined],
  ] as const)("applies what is %s", (why, live, former) => {
    expect(plan(live, former === undefined ? {} : { applied: former })).toMatchObject({ action: "apply", why });
  });

  it("locks an object that the flight looked up to the version it saw", () => {
    expect(plan({}, { seen: "7" })).toMatchObject({ action: "apply", lock: "7", force: true });
  });

  it.each([[{}], [{ seen: "" }]])("does not overwrite an object that was missing when it was looked at", more => {
    expect(plan(undefined, more)).toMatchObject({ action: "apply", lock: undefined, force: false });
  });

  it.each([
    ["newer", {}, "6"],
    ["gone", undefined, "6"],
    ["there by now", {}, ""],
  ] as const)("renders again when the looked-up object is %s", (_, live, seen) => {
    expect(plan(live, { seen, applied })).toMatchObject({ action: "stale" });
  });

  it("writes nothing where the live object holds already what was rendered from it", () => {
    const former = { ...applied, digest: "d0" };
    expect(plan({ fields: "f9" }, { held: true, seen: "7", applied: former })).toMatchObject({
      action: "follow",
      fields: "f9",
    });
  });

  it("refuses an object of another release", () => {
    expect(plan({ owner: "default/other" })).toMatchObject({ action: "refuse", owner: "default/other" });
  });

  it("adopts an object of nobody, unless somebody else did so since", () => {
    expect(plan({ owner: "" }, { version: "7" })).toMatchObject({ action: "apply", force: true, lock: "7" });
  });

  it("waits for an object that is being deleted", () => {
    expect(plan({ deleting: true }, { applied })).toMatchObject({ action: "wait" });
  });
});

describe("leaving", () => {
  it("gives what is no longer desired, last stage first", () => {
    const inventory = [entry("a", 0), entry("b", 1), entry("c", 2), entry("d", 2)];
    const stages = leaving(inventory, new Set([refKey(entry("c", 2))]));
    expect(stages.map(stage => stage.map(each => each.name))).toEqual([["d"], ["b"], ["a"]]);
  });

  it("keeps an object that is rendered in another version of its API", () => {
    const [old, next] = ["v1", "v2"].map(version => ({ ...entry("a", 0), apiVersion: `autoscaling/${version}` }));
    expect(leaving([old ?? entry("", 0)], new Set([refKey(next ?? entry("", 0))]))).toEqual([]);
  });

  function entry(name: string, stage: number) {
    return { apiVersion: "v1", kind: "X", namespace: "", name, stage };
  }
});
