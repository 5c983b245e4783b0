/** What a person sees while tools are found and built. */
import type { ToolName } from "./catalog.ts";
import type { ReadyTool, RefusedTool } from "./find.ts";

/** A build under way or over. `position` counts from 1. */
export interface BuildStep {
  readonly name: ToolName;
  readonly position: number;
  readonly count: number;
  readonly elapsedMs: number;
}

export type ToolEvent =
  /** A binary of the user's that cannot be used. */
  | { readonly kind: "refused"; readonly name: ToolName; readonly tool: RefusedTool; readonly wanted: string }
  /** These are built now, in this order. */
  | { readonly kind: "plan"; readonly names: readonly ToolName[]; readonly estimateMs: number }
  /** Sent each second. */
  | { readonly kind: "running"; readonly steps: readonly BuildStep[] }
  | { readonly kind: "built"; readonly step: BuildStep; readonly tool: ReadyTool }
  | { readonly kind: "failed"; readonly step: BuildStep };

/** `45s`, `1m20s`, `1h02m`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

const place = ({ name, position, count }: BuildStep) => `${name} (${position} of ${count})`;

/** One line for an event, without its end. */
export function describeEvent(event: ToolEvent): string {
  switch (event.kind) {
    case "refused":
      return `${event.tool.path} is ${event.tool.said}; wanted is ${event.wanted}`;
    case "plan":
      return `building ${event.names.length === 1 ? "one tool" : `${event.names.length} tools`} from source, once: about ${minutes(event.estimateMs)} on this machine, less with a warm Go cache`;
    case "running":
      return `building ${event.steps.map(step => `${place(step)} ${formatDuration(step.elapsedMs)}`).join(", ")}`;
    case "built":
      return `built ${place(event.step)} ${event.tool.version} in ${formatDuration(event.step.elapsedMs)}`;
    case "failed":
      return `failed to build ${place(event.step)} after ${formatDuration(event.step.elapsedMs)}`;
  }
}

const minutes = (milliseconds: number): string => {
  const count = Math.max(1, Math.round(milliseconds / 60_000));
  return count === 1 ? "a minute" : `${count} minutes`;
};

/** Where lines go: a terminal, or a log that keeps everything. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** On a log, a build that goes on is worth a line this often. */
const LOG_EVERY_MS = 15_000;

/** Prints events: on a terminal the running line is rewritten in place, elsewhere it comes every 15 seconds. */
export function progressPrinter(output: Output): (event: ToolEvent) => void {
  let lastLogged = 0;
  let rewritable = false;
  return event => {
    const line = describeEvent(event);
    if (event.kind !== "running") {
      output.write(`${rewritable ? ERASE : ""}  ${line}\n`);
      [rewritable, lastLogged] = [false, 0];
    } else if (output.isTTY) {
      output.write(`${rewritable ? ERASE : ""}  ${line}`);
      rewritable = true;
    } else {
      const elapsed = Math.max(0, ...event.steps.map(step => step.elapsedMs));
      if (elapsed < lastLogged + LOG_EVERY_MS) return;
      lastLogged = elapsed;
      output.write(`  ${line}\n`);
    }
  };
}

/** To the line's beginning, and nothing behind it. */
const ERASE = "\r\u001b[K";
