/** When is an object ready? By the `pulumi.com/waitFor` annotation, else by what its kind says. Pure. */
import { errors } from "./errors.ts";
import { annotationsOf, metadataOf, objectAt } from "./kubernetes-object.ts";
import { isObject, type Properties, type Value } from "./wire.ts";

/** Undefined when ready; else what is missing, for the user to read. `failed` means that waiting is no use. */
export type Verdict = undefined | { readonly missing: string; readonly failed?: boolean };
type Check = (object: Properties) => Verdict;

const number = (value: Value | undefined, otherwise: number): number => (typeof value === "number" ? value : otherwise);

function conditionOf(object: Properties, type: string): Properties | undefined {
  const conditions = objectAt(object, "status").conditions;
  if (!Array.isArray(conditions)) return undefined;
  return conditions.find(
    (item): item is Properties => isObject(item) && String(item.type).toLowerCase() === type.toLowerCase(),
  );
}

/** The controller has not looked at the last change yet. */
function isStale(object: Properties, observed: Value | undefined): boolean {
  return number(observed, Number.POSITIVE_INFINITY) < number(metadataOf(object).generation, 0);
}

function condition(type: string, wanted: string): Check {
  return object => {
    const found = conditionOf(object, type);
    if (found === undefined) return { missing: `condition ${type} is not set` };
    if (isStale(object, found.observedGeneration ?? objectAt(object, "status").observedGeneration)) {
      return { missing: `condition ${type} is of an older generation` };
    }
    if (String(found.status).toLowerCase() === wanted.toLowerCase()) return undefined;
    const why = [found.reason, found.message].filter(Boolean).join(": ");
    return { missing: `condition ${type} is ${found.status}${why === "" ? "" : ` (${why})`}` };
  };
}

/** `.status.phase`, `.status.list[0].name`, `.metadata.labels['a/b']`. */
function parseJsonPath(path: string, annotation: string): (string | number)[] {
  const steps = [...path.matchAll(/\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]/g)];
  if (steps.map(step => step[0]).join("") !== path) throw errors.KUBERNETES_WAIT_INVALID({ annotation });
  return steps.map(([, name, index, quoted]) => (index === undefined ? (name ?? quoted ?? "") : Number(index)));
}

function jsonPath(path: string, wanted: string | undefined, annotation: string): Check {
  const steps = parseJsonPath(path, annotation);
  return object => {
    if (isStale(object, objectAt(object, "status").observedGeneration)) {
      return { missing: `status is of an older generation` };
    }
    const value = steps.reduce<Value | undefined>((at, step) => {
      if (typeof step === "number") return Array.isArray(at) ? at[step] : undefined;
      return isObject(at) ? at[step] : undefined;
    }, object);
    if (value === undefined) return { missing: `${path} is not set` };
    return wanted === undefined || String(value) === wanted ? undefined : { missing: `${path} is ${String(value)}` };
  };
}

function parseOne(text: string, annotation: string): Check {
  const [, kind, rest = ""] = /^(condition|jsonpath)=(.+)$/.exec(text) ?? [];
  if (kind === "condition") {
    const [type = "", wanted = "True"] = rest.split("=");
    return condition(type, wanted);
  }
  const [, path, wanted] = /^\{([^}]+)\}(?:=(.*))?$/.exec(rest) ?? [];
  if (kind === undefined || path === undefined) throw errors.KUBERNETES_WAIT_INVALID({ annotation });
  return jsonPath(path, wanted, annotation);
}

/** `condition=T[=S]`, `jsonpath={.p}[=v]`, or a JSON array of them, which must all hold. */
export function parseWaitFor(annotation: string): Check {
  let items: unknown = [annotation];
  try {
    if (annotation.trimStart().startsWith("[")) items = JSON.parse(annotation);
  } catch (error) {
    throw errors.KUBERNETES_WAIT_INVALID({ annotation }, error);
  }
  if (!Array.isArray(items)) throw errors.KUBERNETES_WAIT_INVALID({ annotation });
  const checks = items.map(item => parseOne(String(item), annotation));
  return object => checks.map(check => check(object)).find(verdict => verdict !== undefined);
}

/** Replicas updated and available, with the controller up to date. */
function rolledOut(
  object: Properties,
  wanted: number,
  updated: Value | undefined,
  available: Value | undefined,
): Verdict {
  if (isStale(object, objectAt(object, "status").observedGeneration ?? 0))
    return { missing: "the rollout has not begun" };
  if (number(updated, 0) < wanted) return { missing: `${number(updated, 0)} of ${wanted} pods are updated` };
  if (number(available, 0) < wanted) return { missing: `${number(available, 0)} of ${wanted} pods are available` };
  return undefined;
}

const byKind: Readonly<Record<string, Check>> = {
  "apps Deployment": object => {
    const progressing = conditionOf(object, "Progressing");
    if (progressing?.reason === "ProgressDeadlineExceeded")
      return { missing: String(progressing.message), failed: true };
    const status = objectAt(object, "status");
    const wanted = number(objectAt(object, "spec").replicas, 1);
    const old = number(status.replicas, 0) - number(status.updatedReplicas, 0);
    const verdict = rolledOut(object, wanted, status.updatedReplicas, status.availableReplicas);
    return verdict ?? (old > 0 ? { missing: `${old} old pods are still there` } : undefined);
  },
  "apps StatefulSet": object => {
    const status = objectAt(object, "status");
    const wanted = number(objectAt(object, "spec").replicas, 1);
    const onDelete = objectAt(object, "spec", "updateStrategy").type === "OnDelete";
    return rolledOut(object, wanted, onDelete ? wanted : status.updatedReplicas, status.readyReplicas);
  },
  "apps DaemonSet": object => {
    const status = objectAt(object, "status");
    const wanted = number(status.desiredNumberScheduled, 0);
    return rolledOut(object, wanted, status.updatedNumberScheduled, status.numberAvailable);
  },
  "batch Job": object => {
    const failed = conditionOf(object, "Failed");
    if (failed?.status === "True") return { missing: String(failed.message), failed: true };
    return condition("Complete", "True")(object);
  },
  "apiextensions.k8s.io CustomResourceDefinition": condition("Established", "True"),
};

/** How to see that an object with these inputs is ready. */
export function readiness(inputs: Properties): Check {
  const annotations = annotationsOf(inputs);
  const waitFor = annotations["pulumi.com/waitFor"];
  if (typeof waitFor === "string") return parseWaitFor(waitFor);
  if (annotations["pulumi.com/skipAwait"] === "true") return () => undefined;
  const [group] = String(inputs.apiVersion).split("/");
  return byKind[`${group} ${inputs.kind}`] ?? (() => undefined);
}
