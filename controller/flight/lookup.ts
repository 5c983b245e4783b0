/**
 * What a flight may ask while it runs. The words are the wasm ABI's, so that both engines answer alike.
 */

/** One live object by name. `namespace` is as the flight gave it; "" is possible. */
export interface LookupRequest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Why a question has no answer: access not granted (`no-access`), no such object (`not-found`), HTTP 401
 * (`unauthenticated`), HTTP 403 or not of this release (`forbidden`), anything else (`error`).
 */
export type RefusalState = "no-access" | "error" | "not-found" | "unauthenticated" | "forbidden";

export interface Refusal {
  readonly state: RefusalState;
  readonly message: string;
}

/** `object` is the whole live object as JSON value. */
export type LookupAnswer = { readonly state: "ok"; readonly object: unknown } | Refusal;

/** Where the API server serves a kind. */
export interface RestMapping {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly namespaced: boolean;
}

/** `group` is "" for the core group; `version` is "" where the flight takes any. */
export interface RestMappingRequest {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** `not-found`: no such kind is served. A WebAssembly flight gets it as an error, as from yoke. */
export type RestMappingAnswer = { readonly state: "ok"; readonly mapping: RestMapping } | Refusal;

/**
 * What a flight means that names kinds by `apps`, `apps/v1`, `/v1`, `v1` or nothing (the core group).
 *
 * yoke takes a plain `v1` for a group, which then does not exist; no group can have the form of a version.
 */
export function groupVersionOf(text: string): { readonly group: string; readonly version: string } {
  const [group = "", version = ""] = text.split("/");
  return version === "" && /^v[0-9]+((alpha|beta)[0-9]+)?$/.test(group)
    ? { group: "", version: group }
    : { group, version };
}
