import { expect, it } from "vitest";
import { parseWaitFor, readiness } from "./kubernetes-ready.ts";
import type { Properties, Value } from "./wire.ts";

const withCondition = (type: string, status: string, more: Properties = {}, generation = 1): Properties => ({
  metadata: { generation },
  status: { conditions: [{ type, status, ...more }] },
});

it.each([
  ["condition=Ready", withCondition("Ready", "True"), undefined],
  ["condition=ready", withCondition("Ready", "true"), undefined],
  ["condition=Ready", withCondition("Other", "True"), "condition Ready is not set"],
  [
    "condition=Ready",
    withCondition("Ready", "False", { reason: "NoVault", message: "sealed" }),
    "condition Ready is False (NoVault: sealed)",
  ],
  [
    "condition=Ready",
    withCondition("Ready", "True", { observedGeneration: 1 }, 2),
    "condition Ready is of an older generation",
  ],
  ["condition=Synced=False", withCondition("Synced", "False"), undefined],
  ["jsonpath={.status.phase}=Running", { status: { phase: "Running" } }, undefined],
  ["jsonpath={.status.phase}=Running", { status: { phase: "Pending" } }, ".status.phase is Pending"],
  ["jsonpath={.status.list[0].ip}", { status: { list: [{ ip: "1" }] } }, undefined],
  ["jsonpath={.metadata.labels['a/b']}", { metadata: {} }, ".metadata.labels['a/b'] is not set"],
  ['["condition=Ready","jsonpath={.status.n}=1"]', withCondition("Ready", "True"), ".status.n is not set"],
] satisfies [string, Properties, string | undefined][])("%s", (annotation, object, missing) => {
  expect(parseWaitFor(annotation)(object)?.missing).toBe(missing);
});

it.each(["Ready", "condition", "jsonpath=.status", "jsonpath={.a[?(@.b)]}", "[1", '["nonsense"]'])(
  "refuses %s",
  text => {
    expect(() => parseWaitFor(text)).toThrow(expect.objectContaining({ code: "KUBERNETES_WAIT_INVALID" }));
  },
);

const deployment = (status: Properties, generation = 2): Properties => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { generation },
  spec: { replicas: 2 },
  status,
});

it.each([
  [
    "before the controller saw it",
    { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2 },
    "the rollout has not begun",
  ],
  ["without status", {}, "the rollout has not begun"],
  ["while it updates", { observedGeneration: 2, updatedReplicas: 1, availableReplicas: 2 }, "1 of 2 pods are updated"],
  [
    "while pods start",
    { observedGeneration: 2, updatedReplicas: 2, availableReplicas: 1 },
    "1 of 2 pods are available",
  ],
  [
    "while old pods end",
    { observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 2 },
    "1 old pods are still there",
  ],
  ["rolled out", { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, undefined],
] satisfies [string, Properties, string | undefined][])("a Deployment %s", (_, status, missing) => {
  const object = deployment(status);
  expect(readiness(object)(object)?.missing).toBe(missing);
});

it("gives up on a Deployment that passed its deadline", () => {
  const conditions: Value = [
    { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" },
  ];
  const object = deployment({ conditions });
  expect(readiness(object)(object)).toEqual({ missing: "timed out", failed: true });
});

it("prefers waitFor to the kind, obeys skipAwait, and knows nothing of other kinds", () => {
  const annotated = (annotations: Properties) => ({ ...deployment({}), metadata: { generation: 2, annotations } });
  const waiting = annotated({ "pulumi.com/waitFor": "jsonpath={.spec.replicas}=2", "pulumi.com/skipAwait": "true" });
  expect(readiness(waiting)(waiting)).toBeUndefined();
  const skipping = annotated({ "pulumi.com/skipAwait": "true" });
  expect(readiness(skipping)(skipping)).toBeUndefined();
  expect(readiness({ apiVersion: "x/v1", kind: "Thing" })({})).toBeUndefined();
});
