/**
 * Which foreign objects a flight may look up: `[namespace/]GK[:name]`, each part a literal or `*` (contract §3.5).
 * An omitted namespace or name means `*`; there is no globbing inside a part; the version does not matter.
 */

const any = "*";

export interface Matcher {
  /** A literal or `*`. Empty matches cluster-scoped objects only. */
  readonly namespace: string;
  /** `Kind.group`, for the core group `Kind`, or `*`. Empty matches nothing. */
  readonly groupKind: string;
  readonly name: string;
}

export interface MatchTarget {
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly groupKind: string;
  readonly name: string;
}

/** Never fails: a text that means nothing matches nothing. */
export function parseMatcher(text: string): Matcher {
  const slash = text.indexOf("/");
  const rest = text.slice(slash + 1);
  // The first colon: names may contain more of them (system:node), kinds none.
  const colon = rest.indexOf(":");
  return {
    namespace: slash < 0 ? any : text.slice(0, slash),
    groupKind: colon < 0 ? rest : rest.slice(0, colon),
    name: colon < 0 ? any : rest.slice(colon + 1),
  };
}

export function matches(matchers: readonly Matcher[], target: MatchTarget): boolean {
  return matchers.some(
    matcher =>
      covers(matcher.namespace, target.namespace) &&
      covers(matcher.groupKind, target.groupKind) &&
      covers(matcher.name, target.name),
  );
}

function covers(part: string, value: string): boolean {
  return part === any || part === value;
}
