/** The tasks, and how one is run. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setupErrors } from "./errors.mjs";
import { forwardSignals } from "./signals.mjs";

/**
 * What package.json runs through `scripts/run.mjs`.
 *
 * @param {Readonly<Record<string, string>>} npmScripts
 * @returns {string[]}
 */
export function tasksOf(npmScripts) {
  const tasks = Object.values(npmScripts).map(script => /^node scripts\/run\.mjs ([\w-]+)/.exec(script)?.[1]);
  return [...new Set(tasks)].flatMap(task => task ?? []).sort();
}

/**
 * @param {string} root
 * @param {string | undefined} task
 */
export function assertTask(root, task) {
  const tasks = tasksOf(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts);
  if (task === undefined || !tasks.includes(task)) throw setupErrors.SETUP_UNKNOWN_TASK({ task, tasks });
}

/**
 * The environment of a task: Node 24, the built tools and the dependencies' commands come first on PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {{ root: string, node: string }} options
 * @returns {NodeJS.ProcessEnv}
 */
export function taskEnvironment(env, { root, node }) {
  const first = [dirname(node), join(root, ".tools", "bin"), join(root, "node_modules", ".bin")];
  const path = [...new Set([...first, ...(env.PATH ?? "").split(delimiter)])].filter(Boolean);
  return { ...env, PATH: path.join(delimiter) };
}

/**
 * Runs `scripts/TASK.ts` on this terminal. Signals go to it; it decides what they mean.
 *
 * @param {{ root: string, node: string, task: string | undefined, args: string[] }} options
 * @returns {Promise<number>} its exit code; 128 + n when signal n ended it
 */
export function runTask({ root, node, task, args }) {
  const script = join(root, "scripts", `${task}.ts`);
  return new Promise((resolve, reject) => {
    // The first releases of Node 24 warn about running TypeScript.
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", script, ...args], {
      stdio: "inherit",
      env: taskEnvironment(process.env, { root, node }),
    });
    forwardSignals(child);
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
