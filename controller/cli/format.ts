/** How things read on a terminal. Colours only where the standard output is one, and NO_COLOR is not set. */

import { styleText } from "node:util";
import type { ObjectRef } from "../kube/object.ts";

type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

/** Tells of itself whether the output is a terminal. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Cells in columns, two spaces apart; the last column is as long as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [styled("bold", line(head)), ...rows.map(line)].join("\n");
}

/** `2026-11-23 06:00:01 (3 min ago)`; empty for what is no time. */
export function moment(time: string, now: number): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return "";
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z (${ago(now - at)})`;
}

function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

export function count(number: number, noun: string): string {
  return `${number === 0 ? "no" : number} ${noun}${number === 1 ? "" : "s"}`;
}

export function indented(text: string, by = "  "): string {
  return text.replaceAll(/^(?=.)/gm, by);
}

/** What others wrote, without what a terminal would take for a command to itself. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant.
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "�");
}

/** For machines. */
export function plainRef({ apiVersion, kind, namespace, name }: ObjectRef): Record<string, string> {
  return { apiVersion, kind, ...(namespace === "" ? {} : { namespace }), name };
}
