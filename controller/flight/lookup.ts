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

/** `version` is "" where the flight takes any. */
export interface RestMappingRequest {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type RestMappingAnswer = { readonly state: "ok"; readonly mapping: RestMapping } | Refusal;
