/** Which metrics and labels a PromQL expression names. Knows words and brackets only: enough to find what is misspelt. */

export interface Mention {
  readonly metric: string;
  /** Those that it is selected by. */
  readonly labels: readonly string[];
}

export interface Mentions {
  readonly metrics: readonly Mention[];
  /** Those by which results are grouped or joined. */
  readonly grouping: readonly string[];
}

const token = /"(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|\$\{?\w+\}?|\d[\w.]*|[=!]~|[=!<>]=|[^\s]/g;
const groupings = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const operators = new Set(["and", "or", "unless", "bool", "offset"]);

/** @throws on brackets that do not match */
export function mentionsOf(expression: string): Mentions {
  const tokens = expression.match(token) ?? [];
  const metrics: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  const open: string[] = [];
  let isGrouping = false;
  for (const [at, text] of tokens.entries()) {
    const next = tokens[at + 1];
    const isWord = /^[A-Za-z_:]/.test(text);
    if (text === "(" || text === "[" || text === "{") open.push(isGrouping ? "by" : text);
    else if (text === ")" || text === "]" || text === "}") close(open.pop(), text, expression);
    else if (isWord && open.at(-1) === "{") metrics.at(-1)?.labels.push(text);
    else if (isWord && open.at(-1) === "by") grouping.push(text);
    else if (isWord && open.at(-1) !== "[" && !isFunction(next) && !operators.has(text)) {
      metrics.push({ metric: text, labels: [] });
    }
    isGrouping = groupings.has(text);
  }
  if (open.length > 0) throw new Error(`a bracket is not closed in ${expression}`);
  return { metrics, grouping };
}

/** By the word after it: `rate (`, `sum by (`. */
function isFunction(next = ""): boolean {
  return next === "(" || next === "by" || next === "without";
}

const pairs: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", by: ")" };

function close(opened: string | undefined, text: string, expression: string): void {
  if (opened === undefined || pairs[opened] !== text) throw new Error(`${text} closes nothing in ${expression}`);
}
