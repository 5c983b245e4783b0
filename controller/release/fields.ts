/**
 * Two ways to tell whether an object is still what we made of it.
 *
 * - `ownedFields`: a fingerprint of the fields that the API server records as ours (server-side apply). When somebody
 *   changes or removes one of them, the API server takes it out of our set, so the fingerprint changes; when somebody
 *   changes anything else (status, other fields, other managers), it does not. It includes the time that the API server
 *   notes when our own apply changes a value, so that two different applies of the same fields are told apart.
 *   Source: Kubernetes server-side apply, "field management".
 * - `Leaves`: the leaf paths of a rendered object with a short hash each, to say which paths a render changed without
 *   keeping 10,000 rendered objects in memory. It explains; it never decides (32 bits may collide).
 */

import { hash } from "node:crypto";
import type { KubeObject } from "../kube/object.ts";

/** The field manager of everything a flight renders; yoke's own name, so that its CLI and ours can hand over (contract §4.2). */
export const fieldManager = "yoke";

/** Fingerprint of the fields of `object` that our server-side apply owns; empty when it owns none. */
export function ownedFields(object: KubeObject, manager = fieldManager): string {
  const entry = object.metadata.managedFields?.find(
    managed => managed.manager === manager && managed.operation === "Apply" && managed.subresource === undefined,
  );
  return entry === undefined ? "" : digest(JSON.stringify([entry.fieldsV1, entry.time]));
}

/** 96 bits of SHA-256 as text: short in status, and collisions are out of reach. */
export function digest(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 16);
}

export interface Leaves {
  readonly paths: readonly string[];
  readonly hashes: Uint32Array;
}

/** Objects of one flight share their paths, so each list of paths is kept once. */
const knownPaths = new Map<string, readonly string[]>();
const knownPathsLimit = 10_000;

export function leavesOf(object: KubeObject): Leaves {
  const paths: string[] = [];
  const hashes: number[] = [];
  collect(object, "", paths, hashes);
  const key = paths.join("\n");
  const shared = knownPaths.get(key) ?? paths;
  if (knownPaths.size >= knownPathsLimit) knownPaths.clear();
  knownPaths.set(key, shared);
  return { paths: shared, hashes: Uint32Array.from(hashes) };
}

/** The leaf paths in which two renders of one object differ, in the order of the newer one, removed paths last. */
export function changedLeaves(before: Leaves, after: Leaves): string[] {
  const old = new Map(before.paths.map((path, index) => [path, before.hashes[index]]));
  const changed: string[] = [];
  for (const [index, path] of after.paths.entries()) {
    if (old.get(path) !== after.hashes[index]) changed.push(path);
    old.delete(path);
  }
  return [...changed, ...old.keys()];
}

/**
 * Whether `live` has every field of `desired` with the same value, and none of the leaves that `former` had and
 * `desired` has no more. Lists must be equal element by element. Then an apply would change nothing but bookkeeping.
 */
export function holds(live: KubeObject, desired: KubeObject, former: Leaves): boolean {
  if (!includes(live, desired)) return false;
  const wanted = new Set(leavesOf(desired).paths);
  const removed = former.paths.filter(path => !wanted.has(path));
  if (removed.length === 0) return true;
  const present = new Set(leavesOf(live).paths);
  return !removed.some(path => present.has(path));
}

function includes(live: unknown, desired: unknown): boolean {
  if (desired === null || typeof desired !== "object") return live === desired;
  if (live === null || typeof live !== "object" || Array.isArray(live) !== Array.isArray(desired)) return false;
  if (Array.isArray(desired) && desired.length !== (live as unknown[]).length) return false;
  return Object.entries(desired).every(([key, value]) =>
    includes(Object.getOwnPropertyDescriptor(live, key)?.value, value),
  );
}

function collect(value: unknown, path: string, paths: string[], hashes: number[]): void {
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0) {
    const list = Array.isArray(value);
    for (const [key, child] of Object.entries(value)) collect(child, join(path, key, list), paths, hashes);
    return;
  }
  paths.push(path);
  hashes.push(fnv1a(JSON.stringify(value) ?? "undefined"));
}

function join(path: string, key: string, list: boolean): string {
  if (list) return `${path}[${key}]`;
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}["${key}"]`;
  return path === "" ? key : `${path}.${key}`;
}

function fnv1a(text: string): number {
  let hashed = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hashed = Math.imul(hashed ^ text.charCodeAt(index), 0x01000193);
  }
  return hashed >>> 0;
}
