/**
 * Which module URLs are allowed: shell patterns over the whole URL, as written. An empty list allows all.
 *
 * Patterns mean what they mean to path.Match of Go's standard library: `*` is any run and `?` any one character other
 * than `/`, `[a-z]` and `[^a-z]` are classes (which may take a `/`), `\` takes the next character as it is. A pattern
 * that is not valid matches nothing. Like there, a `*` is tried shortest first and never reconsidered, so a long URL
 * cannot make a match slow.
 *
 * What is matched must be what is asked for, so a list admits no URL that a client reads in another way than people:
 * `https://evil.com#.good.com/flight` and `https://good.com/team/../evil/flight`.
 */

/** Tells whether one character is what the pattern has in its place. */
type Taker = (character: string) => boolean;

export interface AllowList {
  allows(url: string): boolean;
  /** Patterns that are not valid. */
  readonly invalid: readonly string[];
}

export function createAllowList(patterns: readonly string[]): AllowList {
  const compiled = patterns.map(pattern => ({ pattern, runs: compile(pattern) }));
  return {
    allows(url) {
      if (patterns.length === 0) return true;
      if (isAmbiguous(url)) return false;
      const characters = [...url];
      const hasLogin = /^[^:/]+:\/\/[^/]*@(?!sha256:)/.test(url);
      return compiled.some(
        // The host is what follows an @, so one that nobody wrote into the pattern is none of the pattern's.
        ({ pattern, runs }) => runs !== undefined && (!hasLogin || pattern.includes("@")) && matches(runs, characters),
      );
    },
    invalid: compiled.filter(({ runs }) => runs === undefined).map(({ pattern }) => pattern),
  };
}

/** Has steps up, or characters that end a host before its slash or that clients drop or turn. */
function isAmbiguous(url: string): boolean {
  const [, authority = "", path = ""] = /^(?:[^:/]+:\/\/([^/]*))?([^?#]*)/.exec(url) ?? [];
  if (/[?#]/.test(authority) || /[\\\p{Cc}]/u.test(url)) return true;
  return path
    .replace(/^\.\//, "")
    .split("/")
    .some(step => /^(?:\.|%2e){1,2}$/i.test(step));
}

/** The takers between the stars: `a*b` has two runs. Undefined when the pattern is not valid. */
function compile(pattern: string): Taker[][] | undefined {
  const rest = [...pattern].values();
  let run: Taker[] = [];
  const runs = [run];
  for (const character of rest) {
    if (character === "*") {
      // Two stars in a row are one.
      if (run.length === 0 && runs.length > 1) continue;
      run = [];
      runs.push(run);
      continue;
    }
    const taker = takerOf(character, rest);
    if (taker === undefined) return undefined;
    run.push(taker);
  }
  return runs;
}

function takerOf(character: string, rest: Iterator<string>): Taker | undefined {
  if (character === "?") return taken => taken !== "/";
  if (character === "[") return classOf(rest);
  const literal = character === "\\" ? rest.next().value : character;
  return literal === undefined ? undefined : taken => taken === literal;
}

function classOf(rest: Iterator<string>): Taker | undefined {
  const ranges: [low: number, high: number][] = [];
  let at: string | undefined = rest.next().value;
  const negated = at === "^";
  if (negated) at = rest.next().value;
  while (at !== "]" || ranges.length === 0) {
    const low = rangeEnd(at, rest);
    let high = low;
    at = rest.next().value;
    if (at === "-") {
      high = rangeEnd(rest.next().value, rest);
      at = rest.next().value;
    }
    if (low === undefined || high === undefined || at === undefined) return undefined;
    ranges.push([low, high]);
  }
  return character => {
    const code = character.codePointAt(0) ?? 0;
    return ranges.some(([low, high]) => low <= code && code <= high) !== negated;
  };
}

function rangeEnd(character: string | undefined, rest: Iterator<string>): number | undefined {
  if (character === "-" || character === "]") return undefined;
  return (character === "\\" ? rest.next().value : character)?.codePointAt(0);
}

function matches([head = [], ...runs]: Taker[][], text: readonly string[]): boolean {
  if (!fits(head, text, 0)) return false;
  let at = head.length;
  for (const [index, run] of runs.entries()) {
    const found = find(run, text, at, index === runs.length - 1);
    if (found === undefined) return false;
    at = found + run.length;
  }
  return at === text.length;
}

/** Where the run that follows a star begins: as early as possible, the last one at the end. */
function find(run: Taker[], text: readonly string[], from: number, isLast: boolean): number | undefined {
  for (let at = from; ; at++) {
    if (fits(run, text, at) && (!isLast || at + run.length === text.length)) return at;
    if (at >= text.length || text[at] === "/") return undefined;
  }
}

function fits(run: readonly Taker[], text: readonly string[], at: number): boolean {
  return at + run.length <= text.length && run.every((takes, offset) => takes(text[at + offset] ?? ""));
}
