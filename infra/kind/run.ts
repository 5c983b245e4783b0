import { spawn } from "node:child_process";
import { errors } from "./errors.ts";

/** How a program of another's making ended. */
export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  /** The end of what it said, for a message. */
  readonly said: string;
}

const KEPT_LINES = 20;

/**
 * Runs a program to its end. Its stderr is passed on as it comes, so that a person sees the progress.
 * @throws KIND_TOOL_MISSING when there is no such program.
 */
export function run(
  tool: string,
  args: readonly string[],
  options: { readonly input?: string; readonly quiet?: boolean; readonly env?: Record<string, string> } = {},
): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const child = spawn(tool, args, { stdio: "pipe", env: { ...process.env, ...options.env } });
  let stdout = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (!options.quiet) process.stderr.write(text);
  });
  // A program that ends without reading its input is no error of ours.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  child.on("error", error =>
    reject("code" in error && error.code === "ENOENT" ? errors.KIND_TOOL_MISSING({ tool }) : error),
  );
  child.on("close", code => resolve({ ok: code === 0, stdout, said: lastLines(said || stdout) }));
  return promise;
}

const lastLines = (text: string): string => text.trim().split("\n").slice(-KEPT_LINES).join("\n");
