import { describe, expect, test } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { createEventRecorder, type EventInput, type EventResult } from "./events.ts";

const backend: KubeObject = {
  apiVersion: "examples.com/v1",
  kind: "Backend",
  metadata: { name: "nginx", namespace: "demo", uid: "backend-uid", resourceVersion: "9" },
};
const airway: KubeObject = {
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  metadata: { name: "backends.examples.com" },
};
const rolled: EventInput = { type: "Normal", reason: "Rolled", action: "Apply", note: "Secret demo/nginx changed" };
const minute = 60_000;

function recorder(create?: (event: KubeObject) => Promise<unknown>, busy = () => false) {
  const sent: KubeObject[] = [];
  const results: EventResult[] = [];
  const clock = { now: Date.parse("2026-01-02T03:04:05.678Z") };
  const events = createEventRecorder({
    create: create ?? (async event => sent.push(event)),
    count: result => results.push(result),
    busy,
    now: () => clock.now,
  });
  return { sent, results, clock, events };
}

describe("an Event", () => {
  test("is one of events.k8s.io/v1, beside its object", async () => {
    const { sent, events } = recorder();
    const related = { apiVersion: "v1", kind: "Secret", namespace: "demo", name: "nginx", resourceVersion: "812" };
    events.record(backend, { ...rolled, related });
    await events.flush();
    expect(sent).toEqual([
      {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name: expect.stringMatching(/^nginx\.[0-9a-f]{16}$/), namespace: "demo" },
        eventTime: "2026-01-02T03:04:05.678000Z",
        type: "Normal",
        reason: "Rolled",
        action: "Apply",
        note: "Secret demo/nginx changed",
        reportingController: "yoke.cd/atc",
        reportingInstance: expect.stringMatching(/^atc-/),
        regarding: {
          apiVersion: "examples.com/v1",
          kind: "Backend",
          namespace: "demo",
          name: "nginx",
          uid: "backend-uid",
          resourceVersion: "9",
        },
        related,
      },
    ]);
  });

  test("of a cluster-scoped object lives in default", async () => {
    const { sent, events } = recorder();
    events.record(airway, rolled);
    await events.flush();
    expect(sent[0]?.metadata.namespace).toBe("default");
    expect(sent[0]?.["regarding"]).not.toHaveProperty("namespace");
  });

  test("has a note that the API server takes, and no half characters", async () => {
    const { sent, events } = recorder();
    for (const note of ["x".repeat(5000), `a${"é".repeat(3000)}`, "🙂".repeat(999)])
      events.record(backend, { ...rolled, note });
    await events.flush();
    expect(sent).toHaveLength(3);
    for (const event of sent) {
      expect(Buffer.byteLength(String(event["note"]))).toBeLessThanOrEqual(1024);
      expect(event["note"]).not.toContain("\uFFFD");
    }
  });
});

describe("repeats", () => {
  test("are counted, and told by the next Event that is sent", async () => {
    const { sent, results, clock, events } = recorder();
    for (let at = 0; at < 10; at++) events.record(backend, rolled);
    clock.now += 6 * minute;
    events.record(backend, rolled);
    await events.flush();
    expect(results.filter(result => result === "suppressed")).toHaveLength(9);
    expect(sent).toHaveLength(2);
    expect(sent[0]).not.toHaveProperty("series");
    expect(sent[1]).toMatchObject({ series: { count: 10, lastObservedTime: "2026-01-02T03:10:05.678000Z" } });
  });

  test("are so only for the same object, reason and note", async () => {
    const { sent, events } = recorder();
    events.record(backend, rolled);
    events.record(airway, rolled);
    events.record(backend, { ...rolled, reason: "RenderFailed" });
    events.record(backend, { ...rolled, note: "another" });
    events.record({ ...backend, metadata: { ...backend.metadata, uid: "recreated" } }, rolled);
    await events.flush();
    expect(sent).toHaveLength(5);
  });
});

test("an object that rolls all the time gets a burst, and then one Event per interval", async () => {
  const { sent, clock, events } = recorder();
  for (let at = 0; at < 1000; at++) {
    clock.now += 100;
    events.record(backend, { ...rolled, note: `change ${at}` });
  }
  await events.flush();
  // 99.9 seconds since the first: 25 at once, and one for each ten seconds that have passed.
  expect(sent).toHaveLength(34);
  const told = sent.reduce((sum, event) => sum + ((event["series"] as { count: number } | undefined)?.count ?? 1), 0);
  expect(told).toBeGreaterThan(900);
});

describe("Events about rolls while other rolls wait", () => {
  test("go after them, with the time of their roll", async () => {
    const questions = [true, true, false];
    const { sent, clock, events } = recorder(undefined, () => questions.shift() ?? false);
    events.record(backend, rolled);
    clock.now += 3_000;
    await expect.poll(() => sent).toMatchObject([{ eventTime: "2026-01-02T03:04:05.678000Z" }]);
    expect(questions).toEqual([]);
  });

  test("wait ten seconds and no longer", async () => {
    const { sent, clock, events } = recorder(undefined, () => true);
    events.record(backend, rolled);
    await new Promise(setImmediate);
    expect(sent).toEqual([]);
    clock.now += 10_000;
    await expect.poll(() => sent).toHaveLength(1);
  });

  test("are sent at once by a flush", async () => {
    const { sent, events } = recorder(undefined, () => true);
    events.record(backend, rolled);
    await events.flush();
    expect(sent).toHaveLength(1);
  });
});

describe("an API server in trouble", () => {
  test("costs the caller nothing", async () => {
    const failures: unknown[] = [];
    const results: EventResult[] = [];
    const events = createEventRecorder({
      create: () => Promise.reject(new Error("500")),
      onError: error => failures.push(error),
      count: result => results.push(result),
    });
    events.record(backend, rolled);
    events.record(airway, rolled);
    await events.flush();
    expect(results).toEqual(["failed", "failed"]);
    expect(failures).toHaveLength(2);
  });

  test("does not pile Events up without bound", async () => {
    let release = () => {};
    const gate = new Promise<void>(resolve => {
      release = resolve;
    });
    const { results, events } = recorder(() => gate);
    for (let at = 0; at < 5200; at++)
      events.record({ ...backend, metadata: { ...backend.metadata, uid: `uid-${at}` } }, rolled);
    expect(results).toEqual(Array(200).fill("dropped"));
    release();
    await events.flush();
    expect(results.filter(result => result === "created")).toHaveLength(5000);
  });
});
