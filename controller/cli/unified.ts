/** Two texts as a unified diff. */

import { diff } from "node:util";

/** Unchanged lines around each change. */
const around = 3;

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** Empty when the texts are equal; without the two lines of file names. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return "";
  const lines = removedFirst(
    diff(linesOf(after), linesOf(before)).map(
      ([operation, text]): Line => ({ sign: operation === 0 ? " " : operation > 0 ? "+" : "-", text }),
    ),
  );
  return hunks(lines)
    .map(([from, to]) => hunk(lines, from, to))
    .join("\n");
}

/** Where lines were replaced, the old ones come first. */
function removedFirst(lines: readonly Line[]): Line[] {
  const ordered: Line[] = [];
  let added: Line[] = [];
  for (const line of lines) {
    if (line.sign === "+") {
      added.push(line);
      continue;
    }
    if (line.sign === " ") {
      ordered.push(...added);
      added = [];
    }
    ordered.push(line);
  }
  return [...ordered, ...added];
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Ranges of lines to show; what is close together is one. */
function hunks(lines: readonly Line[]): [from: number, to: number][] {
  const found: [from: number, to: number][] = [];
  for (const [index, { sign }] of lines.entries()) {
    if (sign === " ") continue;
    const [from, to] = [Math.max(0, index - around), Math.min(lines.length, index + around + 1)];
    const last = found.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = to;
    else found.push([from, to]);
  }
  return found;
}

function hunk(lines: readonly Line[], from: number, to: number): string {
  const shown = lines.slice(from, to);
  const range = (other: "-" | "+") => {
    const start = lines.slice(0, from).filter(({ sign }) => sign !== other).length;
    const length = shown.filter(({ sign }) => sign !== other).length;
    return `${length === 0 ? start : start + 1},${length}`;
  };
  return [`@@ -${range("+")} +${range("-")} @@`, ...shown.map(({ sign, text }) => sign + text)].join("\n");
}
