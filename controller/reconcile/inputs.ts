/**
 * The digest of all that decides what a render yields: the module and how it is run, the owner, the resourceVersions
 * that lookups answered with, and the fields of the children that are ours. Equal digests: nothing to do. It is three
 * digests in one text, so that an unequal one says what changed.
 */

import type { Account } from "../airway/account.ts";
import type { Draft } from "../dynamic/dependencyIndex.ts";
import { isKindKey } from "../dynamic/kindWatch.ts";
import { digest } from "../release/fields.ts";
import type { ReleaseState } from "./context.ts";
import { versionOf } from "./lookups.ts";
import type { Owner } from "./owner.ts";
import { type ReleaseSpec, reactsToChildren, reactsToLookups } from "./releaseSpec.ts";

/** As the watches know them now. */
export function currentInputs(
  { key, access, input }: Owner,
  spec: ReleaseSpec,
  { removed }: Pick<ReleaseState, "removed">,
): string {
  const lookups = new Map<string, string>();
  const children = new Map<string, string>();
  for (const { object, lookup, child } of access.index.dependencies(key)) {
    // What waits for a kind has not succeeded, and what has succeeded does not wait.
    if (isKindKey(object)) continue;
    const tracked = access.tracker.get(object);
    if (lookup) lookups.set(object, tracked === undefined ? "" : versionOf(tracked));
    // What is being deleted is on its way to be missing.
    if (child && !removed.has(object))
      children.set(object, tracked?.facts?.deleting === true ? "deleting" : (tracked?.facts?.fields ?? ""));
  }
  return digestOf({ spec, account: access.account, input: input() }, lookups, children);
}

/** Those that a finished run worked on. `input` is of the owner's state that was rendered. */
export function finishedInputs(
  { spec, input, state }: { spec: ReleaseSpec; input: string; state: ReleaseState },
  seen: ReadonlyMap<string, string>,
  draft: Draft,
): string {
  const children = new Map<string, string>();
  for (const key of draft.roles.keys()) {
    const applied = state.applied.get(key);
    if (applied !== undefined) children.set(key, applied.fields);
  }
  return digestOf({ spec, account: state.access.account, input }, seen, children);
}

/** `owner`: the owner itself, its module or how it is run. */
export type InputPart = "owner" | "lookups" | "children";
const inputParts: readonly InputPart[] = ["owner", "lookups", "children"];

/** In what two digests differ; everything when one of them is not known. */
export function changedParts(before: string, after: string): InputPart[] {
  const [old, now] = [before.split("."), after.split(".")];
  return inputParts.filter((_, at) => old[at] !== now[at] || old[at] === undefined);
}

/** The same for the same state of the owner and its module. */
export function ownerPart(inputs: string): string {
  return inputs.split(".")[inputParts.indexOf("owner")] ?? "";
}

function digestOf(
  { spec, account, input }: { spec: ReleaseSpec; account: Account | undefined; input: string },
  lookups: ReadonlyMap<string, string>,
  children: ReadonlyMap<string, string>,
): string {
  const { module, mode, clusterAccess, matchers, crossNamespace, args, input: stdin } = spec;
  const sorted = (map: ReadonlyMap<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts: Readonly<Record<InputPart, unknown>> = {
    owner: [module.digest, { mode, clusterAccess, matchers, crossNamespace, args, stdin, account }, input],
    lookups: reactsToLookups(spec) ? sorted(lookups) : [],
    children: reactsToChildren(spec) ? sorted(children) : [],
  };
  return inputParts.map(part => digest(JSON.stringify(parts[part]))).join(".");
}
