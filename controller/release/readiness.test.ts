import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { readiness } from "./readiness.ts";

interface Parts {
  metadata?: Record<string, unknown>;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

function object(apiVersion: string, kind: string, { metadata, spec, status }: Parts = {}): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: { name: "x", namespace: "demo", generation: 2, ...metadata },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  };
}

function condition(type: string, status = "True", more: Record<string, unknown> = {}): Record<string, unknown> {
  return { type, status, ...more };
}

const counts = (of: number) => ({ replicas: of, readyReplicas: of, availableReplicas: of, updatedReplicas: of });

const deployment = (status: Record<string, unknown>, spec: Record<string, unknown> = { replicas: 2 }) =>
  object("apps/v1", "Deployment", {
    spec,
    status: { observedGeneration: 2, conditions: [condition("Available")], ...status },
  });
const statefulSet = (status: Record<string, unknown>, spec: Record<string, unknown> = {}) =>
  object("apps/v1", "StatefulSet", { spec: { replicas: 2, ...spec }, status: { observedGeneration: 2, ...status } });
const daemons = (of: number) => ({
  desiredNumberScheduled: of,
  currentNumberScheduled: of,
  updatedNumberScheduled: of,
  numberReady: of,
  numberAvailable: of,
});
const daemonSet = (status: Record<string, unknown>, spec: Record<string, unknown> = {}) =>
  object("apps/v1", "DaemonSet", { spec, status: { observedGeneration: 2, ...status } });
const pod = (...conditions: unknown[]) => object("v1", "Pod", { status: { phase: "Running", conditions } });
const job = (conditions: unknown[], spec = {}) => object("batch/v1", "Job", { spec, status: { conditions } });
const externalSecret = (...conditions: unknown[]) =>
  object("external-secrets.io/v1", "ExternalSecret", { status: { conditions } });
const crd = (...conditions: unknown[]) =>
  object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
    metadata: { namespace: undefined },
    status: { conditions },
  });

describe("ready", () => {
  test.each<[string, KubeObject]>([
    ["a Namespace that is active", object("v1", "Namespace", { status: { phase: "Active" } })],
    ["a Pod", pod(condition("Initialized"), condition("ContainersReady"), condition("Ready"))],
    ["a Pod that has finished", object("v1", "Pod", { status: { phase: "Succeeded" } })],
    ["a Deployment", deployment(counts(2))],
    ["a Deployment of nothing, whose counts are left out", deployment({}, { replicas: 0 })],
    ["a Deployment that leaves replicas to the default", deployment(counts(1), {})],
    ["a StatefulSet", statefulSet(counts(2))],
    [
      "a StatefulSet with pods below its partition",
      statefulSet({ ...counts(2), updatedReplicas: 1 }, { updateStrategy: { rollingUpdate: { partition: 1 } } }),
    ],
    [
      "a StatefulSet that is updated by hand",
      statefulSet({ ...counts(2), updatedReplicas: 0 }, { updateStrategy: { type: "OnDelete" } }),
    ],
    [
      "a ReplicaSet, which counts no updates",
      object("apps/v1", "ReplicaSet", {
        spec: { replicas: 1 },
        status: { observedGeneration: 2, replicas: 1, readyReplicas: 1, availableReplicas: 1 },
      }),
    ],
    ["a DaemonSet", daemonSet(daemons(3))],
    ["a DaemonSet without nodes", daemonSet({})],
    [
      "a DaemonSet that is updated by hand",
      daemonSet({ ...daemons(3), updatedNumberScheduled: 0 }, { updateStrategy: { type: "OnDelete" } }),
    ],
    ["a Job", job([condition("Complete")])],
    ["a CRD", crd(condition("NamesAccepted"), condition("Established"))],
    ["a Service of any type", object("v1", "Service", { spec: { type: "ExternalName" } })],
    ["a Secret", object("v1", "Secret")],
    ["an ExternalSecret that was fetched", externalSecret(condition("Ready"))],
    ["a custom resource that says nothing", object("examples.com/v1", "Thing", { status: { phase: "Odd" } })],
    [
      "a custom resource that says so",
      object("examples.com/v1", "Thing", { status: { conditions: [condition("Ready")] } }),
    ],
    [
      "a kind of Kubernetes with a Ready condition of its own meaning",
      object("policy/v1", "Thing", { status: { conditions: [condition("Ready", "False")] } }),
    ],
    [
      "an Airway",
      object("yoke.cd/v1alpha1", "Airway", {
        status: { conditions: [condition("Ready", "True", { observedGeneration: 2 })] },
      }),
    ],
  ])("%s", (_, live) => {
    const result = readiness(live);
    expect(result).toMatchObject({ ready: true });
    expect(result).not.toHaveProperty("failed");
  });
});

describe("not ready, and why", () => {
  test.each<[string, KubeObject, string]>([
    [
      "a Namespace that goes",
      object("v1", "Namespace", { metadata: { namespace: undefined }, status: { phase: "Terminating" } }),
      "Namespace x: phase is Terminating",
    ],
    ["a Pod before anyone saw it", object("v1", "Pod"), "Pod demo/x: condition Initialized is not reported yet"],
    [
      "a Pod whose container crashes",
      pod(
        condition("Initialized"),
        condition("ContainersReady", "False", {
          reason: "ContainersNotReady",
          message: "containers with unready status: [c]",
        }),
      ),
      "condition ContainersReady is False (ContainersNotReady: containers with unready status: [c])",
    ],
    ["a Deployment that nobody looked at", object("apps/v1", "Deployment"), "the last change has not been seen"],
    [
      "a Deployment in an older state",
      deployment({ ...counts(2), observedGeneration: 1 }),
      "the last change has not been seen",
    ],
    [
      "a Deployment that rolls",
      deployment({ ...counts(2), updatedReplicas: 1 }),
      "Deployment demo/x: 1 of 2 replicas updated",
    ],
    [
      "a Deployment with an old Pod left",
      deployment({ ...counts(2), replicas: 3 }),
      "1 replicas more than the 2 wanted",
    ],
    ["a Deployment whose Pods are refused", deployment(counts(1)), "1 of 2 replicas updated"],
    [
      "a Deployment that is not available",
      deployment({ ...counts(2), conditions: [condition("Available", "False", { reason: "Minimum" })] }),
      "condition Available is False (Minimum)",
    ],
    ["a Deployment that is paused", deployment(counts(0), { replicas: 1, paused: true }), "and it is paused"],
    [
      "a Deployment past its deadline",
      deployment({
        ...counts(0),
        conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded" })],
      }),
      "0 of 2 replicas updated, progress deadline exceeded",
    ],
    ["a StatefulSet that rolls", statefulSet({ ...counts(2), updatedReplicas: 1 }), "1 of 2 replicas updated"],
    ["a StatefulSet that starts", statefulSet({ ...counts(2), readyReplicas: 1 }), "1 of 2 replicas ready"],
    ["a DaemonSet that rolls", daemonSet({ ...daemons(3), updatedNumberScheduled: 2 }), "2 of 3 pods updated"],
    ["a DaemonSet that is not up", daemonSet({ ...daemons(3), numberAvailable: 0 }), "0 of 3 pods available"],
    ["a Job that runs", job([]), "Job demo/x: not complete"],
    ["a Job that may not run", job([condition("Suspended")], { suspend: true }), "suspended"],
    ["a CRD that is new", crd(), "CustomResourceDefinition x: condition Established is not reported yet"],
    [
      "a CRD whose names are taken",
      crd(condition("NamesAccepted", "False", { reason: "Conflict" })),
      "condition NamesAccepted is False (Conflict)",
    ],
    [
      "an ExternalSecret before its first fetch",
      object("external-secrets.io/v1", "ExternalSecret"),
      "condition Ready is not reported yet",
    ],
    [
      "an ExternalSecret without a secret",
      externalSecret(
        condition("Ready", "False", { reason: "SecretSyncedError", message: "could not get secret data" }),
      ),
      "ExternalSecret demo/x: condition Ready is False (SecretSyncedError: could not get secret data)",
    ],
    [
      "a custom resource that says so",
      object("examples.com/v1", "Thing", { status: { conditions: [condition("Ready", "Unknown")] } }),
      "condition Ready is Unknown",
    ],
    [
      "an Airway with a condition about its last generation",
      object("yoke.cd/v1alpha1", "Airway", {
        status: { conditions: [condition("Ready", "True", { observedGeneration: 1 })] },
      }),
      "condition Ready is about an older generation",
    ],
    [
      "an instance before it is rendered",
      object("examples.com/v1", "Backend", {
        metadata: { ownerReferences: [{ apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name: "a", uid: "u" }] },
      }),
      "condition Ready is not reported yet",
    ],
  ])("%s", (_, live, words) => {
    const { ready, failed, reason } = readiness(live);
    expect({ ready, failed }).toEqual({ ready: false, failed: undefined });
    expect(reason).toContain(words);
  });

  test("a long message is cut", () => {
    expect(
      readiness(externalSecret(condition("Ready", "False", { message: "x".repeat(5000) }))).reason.length,
    ).toBeLessThan(500);
  });
});

describe("failed for good", () => {
  test.each<[string, KubeObject, string]>([
    [
      "a Job",
      job([condition("Failed", "True", { reason: "BackoffLimitExceeded" })]),
      "Job demo/x: failed: BackoffLimitExceeded",
    ],
    ["a Job that completed once and failed", job([condition("Complete"), condition("Failed")]), "failed"],
    ["a Pod", object("v1", "Pod", { status: { phase: "Failed", reason: "Evicted" } }), "Pod demo/x: failed: Evicted"],
  ])("%s", (_, live, words) => {
    const result = readiness(live);
    expect(result).toMatchObject({ ready: false, failed: true });
    expect(result.reason).toContain(words);
  });
});

test("a Deployment is ready in exactly one state of its counts", () => {
  const small = fc.integer({ min: 0, max: 3 });
  fc.assert(
    fc.property(small, small, small, small, small, (wanted, replicas, ready, available, updated) => {
      const status = { replicas, readyReplicas: ready, availableReplicas: available, updatedReplicas: updated };
      const all = [replicas, ready, available, updated].every(count => count === wanted);
      expect(readiness(deployment(status, { replicas: wanted })).ready).toBe(all);
    }),
    { numRuns: 500 },
  );
});

test("anything that looks like an object has a readiness", () => {
  const kinds = fc.constantFrom<[string, string]>(
    ["apps/v1", "Deployment"],
    ["apps/v1", "DaemonSet"],
    ["apps/v1", "StatefulSet"],
    ["batch/v1", "Job"],
    ["v1", "Pod"],
    ["examples.com/v1", "constructor"],
    ["v1", "toString"],
  );
  const conditions = fc.record({ conditions: fc.array(fc.jsonValue()) });
  fc.assert(
    fc.property(kinds, fc.jsonValue(), fc.oneof(fc.jsonValue(), conditions), ([apiVersion, kind], spec, status) => {
      const result = readiness({ ...object(apiVersion, kind), spec, status });
      expect(typeof result.ready).toBe("boolean");
      expect(result.reason).toMatch(/^\S+ demo\/x: /);
    }),
  );
});
