import { describe, expect, it } from "vitest";
import { DependencyIndex } from "../dynamic/dependencyIndex.ts";
import { Tracker } from "../dynamic/tracker.ts";
import { answerError, isKubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { secretType as type } from "../kube/resourceTypes.ts";
import { noPages, tellList } from "../kube/testing/tellList.ts";
import { createMetrics } from "../observe/metrics.ts";
import { factsOf, type ObjectFacts } from "../release/facts.ts";
import { emptyRecord } from "../release/record.ts";
import { applyRelease } from "./apply.ts";
import type { Context, ReleaseState } from "./context.ts";
import { emptyHistory } from "./history.ts";
import { freshPace, paceLimits } from "./pace.ts";

const child: KubeObject = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "ns" }, data: {} };
const key = "v1|Secret|ns|a";

/** One render of one Secret against an API server whose answer to the apply the test gives. */
async function applyOne(options: {
  live?: KubeObject;
  seen?: string;
  answer: () => { object: KubeObject; created: boolean };
}) {
  const tracker = new Tracker<ObjectFacts>({
    openReflector: ({ handler }) =>
      ({
        start: () => tellList(handler, options.live === undefined ? [] : [options.live], "10"),
        stop: async () => undefined,
      }) as never,
    get: async () => options.live,
    pages: noPages,
    needsWhole: () => true,
    describe: factsOf,
    changed: () => undefined,
  });
  const index = new DependencyIndex();
  const applied: KubeObject[] = [];
  const client = {
    discovery: { resolve: async () => type },
    get: async () => options.live,
    apply: async (body: KubeObject) => {
      applied.push(body);
      return options.answer();
    },
  };
  const context = { client, tracker, index, metrics: createMetrics(), now: () => 0 } as unknown as Context;
  const state: ReleaseState = {
    record: emptyRecord,
    inputs: "",
    applied: new Map(),
    removed: new Map(),
    history: emptyHistory(),
    secretKeys: new Map(),
    lastRun: 0,
    access: context,
    pace: freshPace(paceLimits(1)),
    paced: undefined,
    problem: undefined,
    tried: "",
  };
  const seen = new Map(options.seen === undefined ? [] : [[key, options.seen]]);
  const lookups: ObjectRef[] = [];
  const result = await applyRelease(context, {
    key: "instance|x|ns|a",
    name: { release: "r", namespace: "ns", owner: "ns/r", history: "r" },
    uid: "owner",
    spec: { prune: { crds: false, namespaces: false } },
    rendered: {
      stages: [[child]],
      stated: undefined,
      seen,
      lookups,
      secrets: new Map(),
      flight: "",
      unknownKinds: false,
      milliseconds: 1,
      waitedMilliseconds: 0,
      redact: text => text,
    },
    draft: index.begin("instance|x|ns|a"),
    state,
    recordIntent: async () => true,
  });
  return { ...result, applied };
}

function answered(resourceVersion: string, created: boolean) {
  return { object: { ...child, metadata: { ...child.metadata, uid: "u", resourceVersion } }, created };
}

function conflict(): never {
  throw answerError({ method: "PATCH", path: "/x" }, { status: 409, body: "" });
}

describe("applyRelease", () => {
  it("makes what is missing, and never writes over what was made meanwhile", async () => {
    const { outcome, changes, applied } = await applyOne({ seen: "", answer: () => answered("11", true) });
    expect(outcome).toBe("complete");
    expect(changes).toMatchObject([{ why: "missing" }]);
    // No object has this version, so it fails where there is one.
    expect(applied).toMatchObject([{ metadata: { resourceVersion: "1" } }]);
  });

  it("renders again when somebody made the object that was not there", async () => {
    for (const seen of ["", undefined]) {
      const { outcome } = await applyOne({ ...(seen === undefined ? {} : { seen }), answer: conflict });
      expect(outcome).toBe("stale");
    }
  });

  it("takes a conflict for a newer input where it asked for a certain version", async () => {
    const live = { ...child, metadata: { ...child.metadata, uid: "u", resourceVersion: "9" } };
    expect(await applyOne({ live, seen: "9", answer: conflict })).toMatchObject({ outcome: "stale" });
  });

  it("fails, and so waits longer each time, when a write that asked for no version is called a conflict", async () => {
    const annotations = { "instance.atc.yoke.cd/release": "r", "instance.atc.yoke.cd/namespace": "ns" };
    const live = { ...child, metadata: { ...child.metadata, annotations, uid: "u", resourceVersion: "9" } };
    await expect(applyOne({ live, answer: conflict })).rejects.toSatisfy(error => isKubeError(error, "KUBE_CONFLICT"));
  });
});
