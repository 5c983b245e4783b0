/**
 * The ServiceAccount with whose rights a flight is run and its output applied (`spec.serviceAccountName`; our addition,
 * docs/decisions/0014-rights.md).
 */

import type { KubeObject } from "../kube/object.ts";

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** `[<namespace>/]<name>`. */
export const accountPattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";

/** @param namespace of the owner of the release: where an account is that is named without one */
export function accountOf(text: string | undefined, namespace: string): Account | undefined {
  if (text === undefined) return undefined;
  const slash = text.indexOf("/");
  return slash < 0 ? { namespace, name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** What an Airway or a Flight names, whatever else its spec says. */
export function namedAccount(object: KubeObject): string | undefined {
  const { serviceAccountName } = (object["spec"] ?? {}) as { serviceAccountName?: unknown };
  return typeof serviceAccountName === "string" ? serviceAccountName : undefined;
}

/** How the API server calls it. */
export function accountUser({ namespace, name }: Account): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/**
 * What the controller adds to its requests as an account (`userInfo.extra`), so that its own webhooks tell them from
 * those of pods that run as the same account. To send it asks for a right of its own.
 */
export const controllerMark = { key: "controller.atc.yoke.cd", value: "true" } as const;
