/**
 * Whether a live object has become what was asked for, told from the object alone (contract §2.4).
 *
 * Deliberate differences from yoke: replica counts are held against `spec.replicas`; a ReplicaSet needs no
 * `updatedReplicas`, which it does not have; a finished Pod is ready; a Service is ready when it exists, because yoke's
 * EndpointSlice check says nothing of the endpoints and is never true for ExternalName; and any custom resource that
 * reports a `Ready` condition is believed, unless somebody says otherwise (`customReadiness.ts`).
 */
import { recordOf } from "../../lib/json.ts";
import { groupKind, type KubeObject, parseApiVersion } from "../kube/object.ts";
import type { ReadinessRule } from "./customReadiness.ts";
import { title } from "./normalise.ts";

export interface Readiness {
  readonly ready: boolean;
  /** One line for a condition, such as `Deployment default/nginx: 1 of 2 replicas updated`. */
  readonly reason: string;
  /** Will not become ready by waiting. */
  readonly failed?: boolean;
}

/** What is still missing; undefined when nothing is. */
type Gap = string | { readonly failure: string } | undefined;
type Rule = (object: Live) => Gap;

/** A live object with its parts read leniently. */
interface Live {
  readonly metadata: { readonly generation: number };
  readonly spec: Record<string, unknown>;
  readonly status: Record<string, unknown>;
}

/** Nobody can say otherwise. */
const builtIn: Record<string, Rule> = {
  Namespace: live => (live.status["phase"] === "Active" ? undefined : `phase is ${text(live.status["phase"])}`),
  Pod: pod,
  "Deployment.apps": deployment,
  "StatefulSet.apps": statefulSet,
  "ReplicaSet.apps": live => notObserved(live) ?? replicaGap(live, ["replicas", "readyReplicas", "availableReplicas"]),
  "DaemonSet.apps": daemonSet,
  "Job.batch": job,
  "CustomResourceDefinition.apiextensions.k8s.io": live =>
    conditionGap(live, "Established") === undefined
      ? undefined
      : (negative(live, "NamesAccepted") ?? conditionGap(live, "Established")),
  "Airway.yoke.cd": readyCondition,
  "Flight.yoke.cd": readyCondition,
  "ClusterFlight.yoke.cd": readyCondition,
};

const known: Record<string, Rule> = {
  // The operator that the demo stands on: a secret that was not fetched must be seen, also before it says so.
  "ExternalSecret.external-secrets.io": readyCondition,
  "SecretStore.external-secrets.io": readyCondition,
  "ClusterSecretStore.external-secrets.io": readyCondition,
};

/** The rules of users, by kind; undefined: there is none, or none that counts. */
export interface RuleBook {
  ruleFor(kind: { readonly apiVersion: string; readonly kind: string }): ReadinessRule | undefined;
}

export const noRules: RuleBook = { ruleFor: () => undefined };

export function readiness(object: KubeObject, book: RuleBook = noRules): Readiness {
  const gap = ruleOf(object, book)(live(object));
  if (gap === undefined) return { ready: true, reason: `${title(object)}: ready` };
  if (typeof gap === "string") return { ready: false, reason: `${title(object)}: ${gap}` };
  return { ready: false, failed: true, reason: `${title(object)}: ${gap.failure}` };
}

/** Whether the readiness of this kind can be told from more than metadata only; the others are ready at once. */
export function readsWhole(type: { apiVersion: string; kind: string }, book: RuleBook = noRules): boolean {
  const isOwn = isKubernetesGroup(parseApiVersion(type.apiVersion).group);
  return isBuiltIn(type) || !isOwn || book.ruleFor(type) !== undefined;
}

export function isBuiltIn(kind: { readonly apiVersion: string; readonly kind: string }): boolean {
  return Object.hasOwn(builtIn, groupKind(kind));
}

function ruleOf(object: KubeObject, book: RuleBook): Rule {
  const gk = groupKind(object);
  const rule = Object.hasOwn(builtIn, gk) ? builtIn[gk] : undefined;
  if (rule !== undefined) return rule;
  if (isInstance(object)) return readyCondition;
  const custom = book.ruleFor(object);
  if (custom !== undefined) return ruled(custom);
  if (Object.hasOwn(known, gk)) return known[gk] ?? atOnce;
  return isKubernetesGroup(parseApiVersion(object.apiVersion).group) ? atOnce : believed;
}

function ruled({ conditions, refused }: ReadinessRule): Rule {
  if (refused !== undefined) return () => `whether it is ready cannot be told: ${refused.message} (${refused.code})`;
  return object => firstGap(conditions.map(type => conditionGap(object, type)));
}

/** Groups without a dot and `*.k8s.io` are Kubernetes' own. */
function isKubernetesGroup(group: string): boolean {
  return !group.includes(".") || group.endsWith(".k8s.io");
}

/** Objects of a kind that an Airway defines are owned by it. */
function isInstance(object: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(owner => groupKind(owner) === "Airway.yoke.cd");
}

function atOnce(): Gap {
  return undefined;
}

function readyCondition(object: Live): Gap {
  return conditionGap(object, "Ready");
}

/** A kind that nobody described: a `Ready` condition counts when it is there. */
function believed(object: Live): Gap {
  return conditionOf(object, "Ready") === undefined ? undefined : readyCondition(object);
}

function pod(object: Live): Gap {
  if (object.status["phase"] === "Succeeded") return undefined;
  if (object.status["phase"] === "Failed") return { failure: `failed: ${text(object.status["reason"] ?? "Error")}` };
  return firstGap(["Initialized", "ContainersReady", "Ready"].map(type => conditionGap(object, type)));
}

function deployment(object: Live): Gap {
  const gap =
    notObserved(object) ??
    replicaGap(object, ["updatedReplicas", "replicas", "readyReplicas", "availableReplicas"]) ??
    conditionGap(object, "Available");
  if (gap === undefined) return undefined;
  return object.spec["paused"] === true ? `${gap}, and it is paused` : `${gap}${deadline(object)}`;
}

/** Says that Kubernetes has given up waiting; the Deployment may still come up, so it is no failure. */
function deadline(object: Live): string {
  return conditionOf(object, "Progressing")?.["reason"] === "ProgressDeadlineExceeded"
    ? ", progress deadline exceeded"
    : "";
}

function statefulSet(object: Live): Gap {
  return (
    notObserved(object) ?? updatedGap(object) ?? replicaGap(object, ["replicas", "readyReplicas", "availableReplicas"])
  );
}

/** Pods below a partition, and all pods under OnDelete, are meant to stay as they are. */
function updatedGap(object: Live): string | undefined {
  const strategy = recordOf(object.spec["updateStrategy"]);
  if (strategy["type"] === "OnDelete") return undefined;
  const wanted = Math.max(0, wantedReplicas(object) - count(recordOf(strategy["rollingUpdate"])["partition"]));
  const updated = count(object.status["updatedReplicas"]);
  return updated >= wanted ? undefined : `${updated} of ${wanted} replicas updated`;
}

function daemonSet(object: Live): Gap {
  const unobserved = notObserved(object);
  if (unobserved !== undefined) return unobserved;
  const wanted = count(object.status["desiredNumberScheduled"]);
  const onDelete = recordOf(object.spec["updateStrategy"])["type"] === "OnDelete";
  const fields = {
    currentNumberScheduled: "scheduled",
    ...(onDelete ? {} : { updatedNumberScheduled: "updated" }),
    numberReady: "ready",
    numberAvailable: "available",
  };
  return firstGap(
    Object.entries(fields).map(([field, word]) => {
      const have = count(object.status[field]);
      return have === wanted ? undefined : `${have} of ${wanted} pods ${word}`;
    }),
  );
}

function job(object: Live): Gap {
  const failed = conditionOf(object, "Failed");
  if (failed?.["status"] === "True") return { failure: `failed: ${text(failed["reason"] ?? failed["message"])}` };
  if (conditionGap(object, "Complete") === undefined) return undefined;
  return object.spec["suspend"] === true ? "suspended" : "not complete";
}

const replicaWords: Record<string, string> = {
  replicas: "created",
  updatedReplicas: "updated",
  readyReplicas: "ready",
  availableReplicas: "available",
};

function replicaGap(object: Live, fields: readonly string[]): string | undefined {
  const wanted = wantedReplicas(object);
  const field = fields.find(name => count(object.status[name]) !== wanted);
  if (field === undefined) return undefined;
  const have = count(object.status[field]);
  return have > wanted
    ? `${have - wanted} replicas more than the ${wanted} wanted`
    : `${have} of ${wanted} replicas ${replicaWords[field] ?? field}`;
}

function wantedReplicas(object: Live): number {
  const replicas = object.spec["replicas"];
  return typeof replicas === "number" ? replicas : 1;
}

function notObserved(object: Live): string | undefined {
  return count(object.status["observedGeneration"]) === object.metadata.generation
    ? undefined
    : "the last change has not been seen by its controller yet";
}

/** Holds when the status is True and not about an older generation. */
function conditionGap(object: Live, type: string): string | undefined {
  const condition = conditionOf(object, type);
  if (condition === undefined) return `condition ${type} is not reported yet`;
  const observed = count(condition["observedGeneration"]);
  if (observed > 0 && observed !== object.metadata.generation) return `condition ${type} is about an older generation`;
  return condition["status"] === "True" ? undefined : negative(object, type);
}

/** What a condition that does not hold says; undefined when it holds or is absent. */
function negative(object: Live, type: string): string | undefined {
  const condition = conditionOf(object, type);
  if (condition === undefined || condition["status"] === "True") return undefined;
  const details = [condition["reason"], condition["message"]].filter(part => typeof part === "string" && part !== "");
  const said = details.length === 0 ? "" : ` (${details.join(": ").slice(0, longestDetail)})`;
  return `condition ${type} is ${text(condition["status"])}${said}`;
}

const longestDetail = 300;

function conditionOf(object: Live, type: string): Record<string, unknown> | undefined {
  const conditions = object.status["conditions"];
  return Array.isArray(conditions) ? conditions.map(recordOf).find(condition => condition["type"] === type) : undefined;
}

function firstGap(gaps: readonly (string | undefined)[]): string | undefined {
  return gaps.find(gap => gap !== undefined);
}

function live(object: KubeObject): Live {
  return {
    metadata: { generation: count(object.metadata.generation) },
    spec: recordOf(object["spec"]),
    status: recordOf(object["status"]),
  };
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : "unknown";
}
