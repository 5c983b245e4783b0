/**
 * Which keys of a looked-up Secret changed between two renders, told by keyed hashes: a reader sees that `password`
 * changed and whether it changed back, and without the controller's key no guess at a value can be tried.
 */

import { createHmac } from "node:crypto";
import type { KubeObject } from "../kube/object.ts";
import type { KeyChange } from "../release/roll.ts";

/** By key of `data`; 48 bits of HMAC-SHA256. Of one Secret only: equal values in two of them differ. */
export type SecretKeys = ReadonlyMap<string, string>;

const noKeys: SecretKeys = new Map();
const known = new WeakMap<KubeObject, SecretKeys>();

/** Instances that look up one Secret share its hashes. */
export function secretKeys(secret: KubeObject, key: Uint8Array): SecretKeys {
  const former = known.get(secret);
  if (former !== undefined) return former;
  const { name, namespace = "" } = secret.metadata;
  const data = Object.entries((secret["data"] ?? {}) as Record<string, unknown>);
  const hashes = new Map(
    data.map(([field, value]) => {
      const content = JSON.stringify(["secret key", namespace, name, field, value]);
      return [field, createHmac("sha256", key).update(content).digest("base64url").slice(0, 8)];
    }),
  );
  known.set(secret, hashes);
  return hashes;
}

/** Nothing can be said where the former render is not known. A Secret that is not there has no keys. */
export function changedKeys(before: SecretKeys | undefined, after: SecretKeys = noKeys): KeyChange[] {
  if (before === undefined) return [];
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys
    .filter(key => before.get(key) !== after.get(key))
    .map(key => {
      const [was, is] = [before.get(key), after.get(key)];
      return { key, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) };
    });
}
