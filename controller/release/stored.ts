/** Reading what is stored where anybody may have written: what does not fit is empty. */

import { recordOf } from "../../lib/json.ts";
import type { ObjectRef } from "../kube/object.ts";

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === "string") : [];
}

export function child(of: unknown, field: string): Record<string, unknown> {
  return recordOf(recordOf(of)[field]);
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
