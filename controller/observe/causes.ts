/**
 * Why an instance was rendered, and what that changed, as one sentence for status and Events.
 * Values are never shown: only objects, resourceVersions and the paths of changed fields.
 */
import type { KubeObject, ObjectRef } from "../kube/object.ts";

/** What happened to the object; `flight`: the Airway or its program changed; `drift`: the interval passed. */
export type Change = "created" | "updated" | "deleted" | "flight" | "drift" | "restart";

export interface Cause {
  readonly change: Change;
  /** Absent for `drift` and `restart`, which no object caused. */
  readonly object?: ObjectRef;
  readonly resourceVersion?: string;
}

/** How one rendered object differs from what was there. */
export interface ObjectChange {
  readonly object: ObjectRef;
  readonly change: "created" | "updated" | "deleted";
  /** Of an updated object; as `changedPaths` gives them. */
  readonly paths: readonly string[];
}

/** For example `Secret default/nginx changed (resourceVersion 812)`. */
export function describeCause(cause: Cause): string {
  if (cause.change === "drift") return "the drift interval has passed";
  if (cause.change === "restart") return "the controller was started";
  const object = cause.object === undefined ? "an object" : refTitle(cause.object);
  const version = cause.resourceVersion === undefined ? "" : ` (resourceVersion ${cause.resourceVersion})`;
  return `${object} ${verbs[cause.change]}${version}`;
}

const verbs = {
  created: "was created",
  updated: "changed",
  deleted: "was deleted",
  flight: "changed its flight",
} as const;

/**
 * The whole story: `Secret default/nginx changed (resourceVersion 812) → Deployment default/nginx
 * spec.template.metadata.annotations["demo/hash"]`.
 */
export function describeRoll(cause: Cause, changes: readonly ObjectChange[]): string {
  const shown = changes.slice(0, mostObjects).map(({ object, change, paths }) => {
    if (change !== "updated") return `${refTitle(object)} ${change}`;
    return [refTitle(object), paths.join(", ")].filter(part => part !== "").join(" ");
  });
  if (changes.length > mostObjects) shown.push(`${changes.length - mostObjects} more objects`);
  return shown.length === 0 ? describeCause(cause) : `${describeCause(cause)} → ${shown.join("; ")}`;
}

const mostObjects = 3;
const mostPaths = 5;
const deepest = 100;

/** Not what anyone rendered. */
const serverFields = new Set([
  "managedFields",
  "resourceVersion",
  "generation",
  "uid",
  "creationTimestamp",
  "selfLink",
]);

/**
 * The paths at which two objects differ, without status and what the API server fills in; at most `limit`, then a last
 * entry such as `3 more`. Elements of a list that have unique names are matched by name.
 */
export function changedPaths(before: KubeObject, after: KubeObject, limit = mostPaths): string[] {
  const paths: string[] = [];
  for (const path of differences(content(before), content(after), "", 0)) paths.push(path);
  return paths.length <= limit ? paths : [...paths.slice(0, limit), `${paths.length - limit} more`];
}

function content({ status: _, metadata, ...rest }: KubeObject): Record<string, unknown> {
  return {
    ...rest,
    metadata: Object.fromEntries(Object.entries(metadata).filter(([name]) => !serverFields.has(name))),
  };
}

function* differences(before: unknown, after: unknown, path: string, depth: number): Generator<string> {
  if (Object.is(before, after)) return;
  if (depth < deepest && isRecord(before) && isRecord(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      yield* differences(before[name], after[name], join(path, name), depth + 1);
    return;
  }
  if (depth < deepest && Array.isArray(before) && Array.isArray(after)) {
    yield* listDifferences(before, after, path, depth);
    return;
  }
  yield path;
}

function* listDifferences(before: unknown[], after: unknown[], path: string, depth: number): Generator<string> {
  const [named, also] = [byName(before), byName(after)];
  if (named === undefined || also === undefined) {
    for (let at = 0; at < Math.max(before.length, after.length); at++)
      yield* differences(before[at], after[at], `${path}[${at}]`, depth + 1);
    return;
  }
  for (const name of new Set([...named.keys(), ...also.keys()]))
    yield* differences(named.get(name), also.get(name), `${path}[name=${name}]`, depth + 1);
}

/** undefined unless all elements are objects with names of their own. */
function byName(list: unknown[]): Map<string, unknown> | undefined {
  const map = new Map<string, unknown>();
  for (const element of list) {
    const name = isRecord(element) ? element["name"] : undefined;
    if (typeof name !== "string" || map.has(name)) return undefined;
    map.set(name, element);
  }
  return map;
}

/** As kubectl and JSONPath write it; odd names in brackets. */
function join(path: string, name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

function refTitle(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === "" ? "" : `${ref.namespace}/`}${ref.name}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
