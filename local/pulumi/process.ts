import { spawn } from "node:child_process";

const KILL_AFTER_MS = 5_000;

export interface ProcessOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: string;
  readonly signal: AbortSignal;
  readonly onLine?: (stream: "stdout" | "stderr", line: string) => void;
}

export interface Finished {
  readonly outcome: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, in the order they came. */
  readonly text: string;
}

/** Runs a program in a process group of its own, so that an aborted one takes its children along. */
export function runProcess(options: ProcessOptions): Promise<Finished> {
  const { program, args, cwd, env, stdin, signal, onLine } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    const kill = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // The group has ended by itself.
      }
    };
    const abort = () => {
      kill("SIGTERM");
      setTimeout(() => kill("SIGKILL"), KILL_AFTER_MS).unref();
    };
    const collected = { stdout: "", stderr: "", text: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      let rest = "";
      child[stream].setEncoding("utf8").on("data", (chunk: string) => {
        collected[stream] += chunk;
        collected.text += chunk;
        const lines = `${rest}${chunk}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine?.(stream, line);
      });
      child[stream].once("end", () => rest !== "" && onLine?.(stream, rest));
    }
    child.once("error", reject);
    child.once("close", (code, name) => {
      signal.removeEventListener("abort", abort);
      resolve({ ...collected, outcome: code ?? name ?? "SIGKILL" });
    });
    // A program that does not read its stdin closes it: no error of ours.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** `exit status 1`, `signal: SIGTERM (cancelled)`. */
export function describeOutcome(outcome: number | NodeJS.Signals, signal: AbortSignal): string {
  const how = typeof outcome === "number" ? `exit status ${outcome}` : `signal: ${outcome}`;
  const why: unknown = signal.reason;
  return signal.aborted ? `${how} (${why instanceof Error ? why.message : String(why)})` : how;
}
