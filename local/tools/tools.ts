/**
 * Makes sure that tools can be run: finds the user's, else those built earlier, else builds them with Go.
 *
 * Builds run in the order of the catalog; each tool can be awaited by itself, so the cluster starts while the services
 * are still compiled.
 */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildTool, goEnvironment } from "./build.ts";
import { catalog, recipeOf, type ToolName } from "./catalog.ts";
import { toolErrors } from "./errors.ts";
import { findTool, type ReadyTool } from "./find.ts";
import { type BuildStep, progressPrinter, type ToolEvent } from "./progress.ts";
import { moduleDir } from "./recipe.ts";

const execute = promisify(execFile);

export interface EnsureOptions {
  /** Default: lines on stderr. */
  readonly report?: (event: ToolEvent) => void;
  /** Default: `.tools` of the repository. */
  readonly toolsDir?: string;
  /** Default: the process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: SIGINT and SIGTERM of this process stop the builds. */
  readonly signal?: AbortSignal;
}

/**
 * The wanted tools, each as a promise of its own. All of them begin at once; nothing has to be awaited in order.
 *
 * Each rejects with TOOL_GO_MISSING, TOOL_GO_UNUSABLE, TOOL_BUILD_FAILED or TOOL_BUILD_STOPPED.
 */
export function ensureTools<Name extends ToolName>(
  names: readonly Name[],
  options: EnsureOptions = {},
): Readonly<Record<Name, Promise<ReadyTool>>> {
  const wanted = (Object.keys(catalog) as ToolName[]).filter(name => (names as readonly ToolName[]).includes(name));
  const pending = new Map(wanted.map(name => [name, Promise.withResolvers<ReadyTool>()] as const));
  // Whoever awaits the first to fail never looks at the others.
  for (const { promise } of pending.values()) promise.catch(() => undefined);

  void provide(wanted, pending, options).catch(error => {
    for (const { reject } of pending.values()) reject(error);
  });
  return Object.fromEntries([...pending].map(([name, { promise }]) => [name, promise])) as Record<
    Name,
    Promise<ReadyTool>
  >;
}

type Pending = ReadonlyMap<ToolName, PromiseWithResolvers<ReadyTool>>;

async function provide(wanted: readonly ToolName[], pending: Pending, options: EnsureOptions): Promise<void> {
  const env = options.env ?? process.env;
  const toolsDir = options.toolsDir ?? fileURLToPath(new URL("../../.tools", import.meta.url));
  const report = options.report ?? progressPrinter(process.stderr);
  const places = { toolsDir, path: env["PATH"] ?? "", assets: env["KUBEBUILDER_ASSETS"] };

  const missing: ToolName[] = [];
  for (const name of wanted) {
    const { from, below } = recipeOf(name);
    const { found, refused } = await findTool(name, recipeOf(name), places);
    if (found) pending.get(name)?.resolve(found);
    else missing.push(name);
    for (const tool of refused) report({ kind: "refused", name, tool, wanted: `at least ${from} and below ${below}` });
  }
  if (missing.length === 0) return;
  await checkGo(missing);
  report({ kind: "plan", names: missing, estimateMs: estimate(missing) });
  await withSignal(options.signal, signal => buildAll(missing, pending, { toolsDir, report, signal }));
}

/** @throws TOOL_GO_MISSING, TOOL_GO_UNUSABLE */
async function checkGo(missing: readonly ToolName[]): Promise<void> {
  const [first] = missing;
  if (first === undefined) return;
  try {
    // In a module's folder `go` obeys the module's `go` line: it fetches a newer toolchain or says why it does not.
    await execute("go", ["list", "-m"], { cwd: moduleDir(recipeOf(first)), env: goEnvironment() });
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string };
    if (code === "ENOENT") throw toolErrors.TOOL_GO_MISSING({ missing });
    throw toolErrors.TOOL_GO_UNUSABLE(
      { missing, reason: (stderr || String(cause)).trim().split("\n").at(-1) ?? "" },
      cause,
    );
  }
}

/** Compilers use all cores but for the links at the end of each build. */
const estimate = (names: readonly ToolName[]): number =>
  (names.reduce((sum, name) => sum + recipeOf(name).cpuSeconds, 0) / Math.min(8, availableParallelism())) * 1000;

interface Building {
  readonly toolsDir: string;
  readonly report: (event: ToolEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * A build keeps few cores busy at its end, so a large machine runs several. Never two of one module: they would compile
 * the packages they share twice. The first failure stops the others, and is what all of them are rejected with.
 */
async function buildAll(names: readonly ToolName[], pending: Pending, { toolsDir, report, signal }: Building) {
  const slots = Math.min(3, Math.max(1, Math.floor(availableParallelism() / 4)));
  const waiting = [...names];
  const running = new Map<ToolName, { readonly since: number; readonly done: Promise<void> }>();
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);

  const stepOf = (name: ToolName, since: number): BuildStep => ({
    name,
    position: names.indexOf(name) + 1,
    count: names.length,
    elapsedMs: Date.now() - since,
  });
  const build = async (name: ToolName, since: number): Promise<void> => {
    try {
      const tool = await buildTool(name, recipeOf(name), { toolsDir, signal: stop });
      report({ kind: "built", step: stepOf(name, since), tool });
      pending.get(name)?.resolve(tool);
    } catch (error) {
      if (!stop.aborted) report({ kind: "failed", step: stepOf(name, since) });
      failure.abort(error);
    } finally {
      running.delete(name);
    }
  };

  const tick = () => report({ kind: "running", steps: [...running].map(([name, { since }]) => stepOf(name, since)) });
  const ticker = setInterval(tick, 1000);
  try {
    while ((waiting.length > 0 && !stop.aborted) || running.size > 0) {
      const next = stop.aborted || running.size === slots ? undefined : nextToBuild(waiting, [...running.keys()]);
      if (next === undefined) {
        await Promise.race([...running.values()].map(({ done }) => done));
      } else {
        waiting.splice(waiting.indexOf(next), 1);
        const since = Date.now();
        running.set(next, { since, done: build(next, since) });
      }
    }
    failure.signal.throwIfAborted();
    if (waiting[0] !== undefined) throw toolErrors.TOOL_BUILD_STOPPED({ name: waiting[0] });
  } finally {
    clearInterval(ticker);
  }
}

/** The first that waits and whose module is not being built. */
export function nextToBuild(waiting: readonly ToolName[], running: readonly ToolName[]): ToolName | undefined {
  const busy = new Set(running.map(name => recipeOf(name).folder));
  return waiting.find(name => !busy.has(recipeOf(name).folder));
}

/** Without a signal of the caller's, Ctrl-C and SIGTERM stop the builds instead of the process, which then reports it. */
async function withSignal<T>(given: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (given !== undefined) return run(given);
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, stop);
  try {
    return await run(controller.signal);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
  }
}
