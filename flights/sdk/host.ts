/** What the sandbox gives a flight: one call in, one text out. Authors do not see this. */

export interface LookupQuestion {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Why a lookup has no object: see LookupError. */
export type RefusalState = "no-access" | "error" | "not-found" | "unauthenticated" | "forbidden";

export type LookupReply =
  | { readonly state: "ok"; readonly object: unknown }
  | { readonly state: RefusalState; readonly message: string };

/** The argument of a flight module's default export. */
export interface Call {
  /** JSON of the custom resource. */
  readonly stdin: string;
  /** First the name of the release. */
  readonly args: readonly string[];
  /** `NAMESPACE` is the release's. */
  readonly env: Readonly<Record<string, string>>;
  lookup(question: LookupQuestion): LookupReply;
}

let current: Call | undefined;

/** The call that is being rendered. */
export function currentCall(): Call {
  if (!current) throw new Error("lookup() works inside of render() only: outside of it there is no cluster to ask");
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
