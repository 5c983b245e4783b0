/** Builds one tool: to a temporary name, then renamed, so that `.tools/bin` never holds half a binary. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CodedError } from "../../lib/errors.ts";
import { withLock } from "../lock.ts";
import { lastLines } from "../state.ts";
import type { ToolName, ToolRecipe } from "./catalog.ts";
import { toolErrors } from "./errors.ts";
import { binaryOf, binDir, findBuilt, type ReadyTool, stampOf } from "./find.ts";
import { goArguments, recipeHash } from "./recipe.ts";
import { overlaySource } from "./source.ts";

export interface BuildOptions {
  readonly toolsDir: string;
  /** Stops the compiler and removes what it was writing. */
  readonly signal: AbortSignal;
}

/** How often one that waits for another's build looks whether it shall stop. */
const LOCK_WAIT_MS = 500;
/** What a compiler gets to tidy up after itself. */
const STOP_MS = 5_000;

/**
 * Two processes never build the same tool: the second waits and takes what the first has built.
 * @throws TOOL_BUILD_FAILED, TOOL_BUILD_STOPPED
 */
export async function buildTool(name: ToolName, recipe: ToolRecipe, options: BuildOptions): Promise<ReadyTool> {
  const build = async () => findBuilt(name, recipe, options.toolsDir) ?? (await buildNow(name, recipe, options));
  for (;;) {
    if (options.signal.aborted) throw toolErrors.TOOL_BUILD_STOPPED({ name });
    try {
      return await withLock(join(options.toolsDir, "locks"), `build-${name}`, build, { waitMs: LOCK_WAIT_MS });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "LOCAL_LOCKED") throw error;
    }
  }
}

async function buildNow(name: ToolName, recipe: ToolRecipe, { toolsDir, signal }: BuildOptions): Promise<ReadyTool> {
  const [target, stamp] = [binaryOf(toolsDir, name), stampOf(toolsDir, name)];
  const draft = join(binDir(toolsDir), `.${name}.draft`);
  const log = join(toolsDir, "logs", `${name}.log`);
  for (const file of [target, stamp, log]) mkdirSync(dirname(file), { recursive: true });

  const env = goEnvironment();
  const hash = recipeHash(recipe);
  const sourceDir = join(toolsDir, "src", name);
  const output = openSync(log, "w");
  try {
    signal.throwIfAborted();
    const cwd = await overlaySource(recipe, sourceDir, { env, signal });
    await runGo(["build", ...goArguments(recipe), "-o", draft, recipe.package], { cwd, env, output, signal });
    // In this order: a stamp never vouches for an older binary.
    rmSync(stamp, { force: true });
    renameSync(draft, target);
    writeFileSync(stamp, hash);
  } catch (cause) {
    if (signal.aborted) throw toolErrors.TOOL_BUILD_STOPPED({ name });
    const tail = [lastLines(log, 20), cause instanceof Error ? cause.message : ""].filter(Boolean).join("\n");
    throw toolErrors.TOOL_BUILD_FAILED({ name, version: recipe.version, log, tail }, cause);
  } finally {
    closeSync(output);
    rmSync(draft, { force: true });
    rmSync(sourceDir, { recursive: true, force: true });
  }
  return { name, path: target, version: recipe.version, origin: "built" };
}

/** Static binaries, and nothing of the user's workspace or vendoring in between. */
export const goEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  CGO_ENABLED: "0",
  GOWORK: "off",
  GOFLAGS: "",
});

interface GoRun {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** File descriptor for both streams. */
  readonly output: number;
  readonly signal: AbortSignal;
}

/** `go` starts compilers of its own: it leads a process group, and stopping it means stopping the group. */
function runGo(args: string[], { cwd, env, output, signal }: GoRun): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("go", args, { cwd, env, stdio: ["ignore", output, output], detached: true });
    const stop = () => {
      signalGroup(child.pid, "SIGINT");
      setTimeout(() => signalGroup(child.exitCode === null ? child.pid : undefined, "SIGKILL"), STOP_MS).unref();
    };
    signal.addEventListener("abort", stop, { once: true });
    child.once("error", reject);
    child.once("exit", (code, killedBy) => {
      signal.removeEventListener("abort", stop);
      // Whatever of the group did not listen.
      if (signal.aborted) signalGroup(child.pid, "SIGKILL");
      if (code === 0) resolve();
      else reject(new Error(`go ${args[0]} ended with ${killedBy ?? `code ${code}`}`));
    });
  });
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
