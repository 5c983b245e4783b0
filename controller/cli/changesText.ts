/** Changes as a person reads them, and as a machine does. */

import { describe } from "../reconcile/explain.ts";
import type { Change, ChangeKind } from "./changes.ts";
import { indented, plainRef, styled } from "./format.ts";

const words: Record<ChangeKind, string> = {
  create: "would be created",
  update: "would change",
  remove: "would be deleted",
  release: "would leave the release and stay",
  refused: "is refused",
  unknown: "would change; how is not known before what it needs is there",
};

export function changesText(changes: readonly Change[]): string {
  return changes.map(changeText).join("\n\n");
}

function changeText(change: Change): string {
  const head = styled("bold", `${describe(change.object)} ${words[change.change]}`);
  return [head, ...bodyOf(change)].join("\n");
}

function bodyOf({ problem, diff, paths }: Change): string[] {
  if (problem !== undefined) return [indented(`${problem.message}\n${problem.todo} (${problem.code})`)];
  if (diff !== "") return [diff.split("\n").map(coloured).join("\n")];
  return paths.length === 0 ? [] : [indented(`values that are hidden differ, at ${paths.join(", ")}`)];
}

function coloured(line: string): string {
  if (line.startsWith("@@")) return styled("cyan", line);
  if (line.startsWith("+")) return styled("green", line);
  return line.startsWith("-") ? styled("red", line) : line;
}

export function changesData(changes: readonly Change[]): unknown[] {
  return changes.map(({ object, change, paths, diff, problem }) => ({
    object: plainRef(object),
    change,
    ...(paths.length === 0 ? {} : { paths }),
    ...(diff === "" ? {} : { diff }),
    ...(problem === undefined ? {} : { error: { code: problem.code, message: problem.message, todo: problem.todo } }),
  }));
}
