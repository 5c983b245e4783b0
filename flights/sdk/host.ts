/** What the sandbox gives a program: one call in, one output out. Authors do not see this. */

export interface LookupQuestion {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Why there is no answer: see LookupError. */
export type RefusalState = "no-access" | "error" | "not-found" | "unauthenticated" | "forbidden";

interface Refused {
  readonly state: RefusalState;
  readonly message: string;
}

export type LookupReply = { readonly state: "ok"; readonly object: unknown } | Refused;

/** Where the API server serves a kind. */
export interface RestMapping {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As in paths: `deployments`. */
  readonly resource: string;
  readonly namespaced: boolean;
}

export type MappingReply = { readonly state: "ok"; readonly mapping: RestMapping } | Refused;

/** The argument of a module's default export. */
export interface Call {
  /** Of an Airway's flight, JSON of the custom resource. */
  readonly stdin: string;
  /** First the name of the release. */
  readonly args: readonly string[];
  /** `NAMESPACE` is the release's. */
  readonly env: Readonly<Record<string, string>>;
  lookup(question: LookupQuestion): LookupReply;
  /** `apiVersion` may be a group alone. */
  restMapping(question: { readonly apiVersion: string; readonly kind: string }): MappingReply;
}

/** What a module's default export returns; a text alone is stdout. */
export type CallOutput = string | { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

let current: Call | undefined;

/** The call that is being rendered. */
export function currentCall(what: string): Call {
  if (!current) throw new Error(`${what}() works inside of render() only: outside of it there is no cluster to ask`);
  return current;
}

export function withCall<T>(call: Call, body: () => T): T {
  current = call;
  try {
    return body();
  } finally {
    current = undefined;
  }
}
