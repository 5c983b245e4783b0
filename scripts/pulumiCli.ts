/** The Pulumi CLI as a child process, in the environment in which it asks for nothing. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jsonOf } from "../lib/json.ts";
import { pulumiEnvironment } from "../local/pulumi/environment.ts";
import { errors } from "./errors.ts";
import { root } from "./paths.ts";
import { type EngineEvent, Progress, type Summary } from "./progress.ts";

export const stateDir = join(root, ".state");

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, ...pulumiEnvironment({ root, stateDir }) });

/** The folder of the file backend, where stacks and their locks are; undefined for another kind of backend. */
export function backendDir(): string | undefined {
  const url = environment()["PULUMI_BACKEND_URL"] ?? "";
  return url.startsWith("file://") ? url.slice("file://".length).replace(/\?.*$/, "") : undefined;
}

/** Runs `pulumi` to its end; `input` goes to its stdin, where secrets belong. */
export async function pulumi(args: readonly string[], input = ""): Promise<Outcome> {
  const child = spawn("pulumi", args, { cwd: root, env: environment(), stdio: "pipe" });
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  child.on("error", reject);
  child.on("close", code => resolve({ code: code ?? 1, stdout, stderr }));
  return await promise;
}

/** Like `pulumi`, but its stdout or PULUMI_FAILED. */
export async function pulumiOutput(args: readonly string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await pulumi(args, input);
  if (code !== 0) throw errors.PULUMI_FAILED({ command: args.join(" "), said: stderr.trim() });
  return stdout;
}

/** Runs `pulumi` on this terminal, as if typed; returns its exit code. */
export async function pulumiInteractive(args: readonly string[]): Promise<number> {
  const child = spawn("pulumi", args, { cwd: root, env: environment(), stdio: "inherit" });
  // The terminal sends Ctrl-C to both; the engine ends in order, and this process waits for it.
  process.on("SIGINT", () => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", code => resolve(code ?? 130));
  return await promise;
}

/** Runs `pulumi up` or `pulumi destroy` and prints each step as it ends. */
export async function pulumiSteps(command: "up" | "destroy", stack: string): Promise<Summary> {
  const args = [command, "--stack", stack, "--yes", "--skip-preview", "--json", "--non-interactive"];
  const child = spawn("pulumi", args, { cwd: root, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  // The terminal sends Ctrl-C to the engine as well, which ends in order; this process waits for it.
  let isInterrupted = false;
  const interrupted = () => {
    isInterrupted = true;
  };
  process.on("SIGINT", interrupted);
  const progress = new Progress();
  const status = statusLine(() => progress.running());
  const raw: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => raw.push(text));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = parseEvent(line);
    if (!event) raw.push(`${line}\n`);
    else for (const text of progress.take(event)) status.print(text);
  }
  const code = await new Promise<number>(resolve =>
    child.exitCode === null ? child.once("close", code => resolve(code ?? 130)) : resolve(child.exitCode),
  );
  status.end();
  process.off("SIGINT", interrupted);
  const summary = progress.summary();
  // Also with code 0, which the engine gives when it had not begun its first step.
  if (isInterrupted) throw errors.INTERRUPTED({ command });
  if (code !== 0) {
    const said = summary.errors.length > 0 ? "" : raw.join("").trim();
    throw errors.PULUMI_FAILED({ command, said });
  }
  return summary;
}

function parseEvent(line: string): EngineEvent | undefined {
  return line.startsWith("{") ? (jsonOf(line) as EngineEvent | undefined) : undefined;
}

/** On a terminal, a last line that tells what is under way; elsewhere only the lines that are printed. */
function statusLine(text: () => string): { print: (line: string) => void; end: () => void } {
  const { stdout } = process;
  if (!stdout.isTTY) return { print: line => console.log(line), end: () => undefined };
  const clear = () => stdout.write("\r\u001b[K");
  const draw = () => {
    const running = text();
    clear();
    if (running) stdout.write(`  … ${running}`.slice(0, (stdout.columns || 80) - 1));
  };
  const timer = setInterval(draw, 500);
  return {
    print: line => {
      clear();
      console.log(line);
    },
    end: () => {
      clearInterval(timer);
      clear();
    },
  };
}
