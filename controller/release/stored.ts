/** Reading what is stored where anybody may have written: what does not fit is empty. */

import type { ObjectRef } from "../kube/object.ts";

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === "string") : [];
}

/** The objects of a list. */
export function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function child(of: unknown, field: string): Record<string, unknown> {
  const value = isRecord(of) ? of[field] : undefined;
  return isRecord(value) ? value : {};
}

/** Empty namespaces are left out for the reader's sake. */
export function writeRef({ apiVersion, kind, namespace, name }: ObjectRef): Record<string, string> {
  return namespace === "" ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
}

export function readRef(stored: Record<string, unknown>): ObjectRef {
  return {
    apiVersion: text(stored["apiVersion"]),
    kind: text(stored["kind"]),
    namespace: text(stored["namespace"]),
    name: text(stored["name"]),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
