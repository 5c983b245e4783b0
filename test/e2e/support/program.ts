/** The `atc` tool as its own process, as users run it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";

const root = resolve(import.meta.dirname, "../../..");
const main = resolve(root, "controller/main.ts");
const compileCache = resolve(root, ".state/compile-cache");

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** undefined: none. */
  readonly kubeconfig: string | undefined;
  readonly stdin?: string;
  /** Path of the program, where it is not called by its own name. */
  readonly program?: string;
}

export async function runAtc(
  args: readonly string[],
  { kubeconfig, stdin = "", program = main }: ProgramOptions,
): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], {
    // No home: nobody's kubeconfig.
    env: { NODE_COMPILE_CACHE: compileCache, PATH: process.env["PATH"], HOME: "/nonexistent", KUBECONFIG: kubeconfig },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(stdin);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: child.exitCode, stdout, stderr };
}
