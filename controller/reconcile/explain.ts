/** The sentences that tell a person why something rolled. Names, paths and resourceVersions; never a value. */

import type { ObjectRef } from "../kube/object.ts";
import type { ChildAction } from "../release/plan.ts";
import type { Cause } from "./causes.ts";

/** One object that a run changed. */
export interface AppliedChange {
  readonly object: ObjectRef;
  readonly why: Extract<ChildAction, { action: "apply" }>["why"];
  /** Leaf paths of the rendered object that changed; undefined when the former render is not known. */
  readonly paths: string[] | undefined;
}

/** How many paths and objects a sentence names before it counts the rest. */
const named = 3;

/** `Deployment default/nginx`. */
export function describe(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === "" ? "" : `${ref.namespace}/`}${ref.name}`;
}

/** `Secret default/nginx updated (resourceVersion 812) → Deployment default/nginx spec.template…` */
export function explain(causes: readonly Cause[], changes: readonly AppliedChange[]): string {
  return `${list(causes.map(describeCause)) || "a new look"} → ${list(changes.map(describeChange))}`;
}

/** `Secret default/nginx updated (resourceVersion 812)`. */
export function describeCause({ change, object, resourceVersion }: Cause): string {
  if (change === "started") return "the controller started";
  if (change === "served") return `${object.kind} of ${object.apiVersion} is served`;
  const version = resourceVersion === "" ? "" : ` (resourceVersion ${resourceVersion})`;
  return `${describe(object)} ${change}${version}`;
}

function describeChange({ object, why, paths }: AppliedChange): string {
  if (why === "missing") return `${describe(object)} created`;
  if (why === "drifted") return `${describe(object)} set back`;
  if (paths === undefined) return `${describe(object)} updated`;
  return `${describe(object)} ${list(paths)}`;
}

function list(items: readonly string[]): string {
  const unique = [...new Set(items)];
  const rest = unique.length - named;
  return [...unique.slice(0, named), ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
}
