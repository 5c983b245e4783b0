/** Runs npm quietly: its output goes to a log, progress and failures to the terminal. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setupErrors } from "./errors.mjs";
import { forwardSignals } from "./signals.mjs";

const LOG_EVERY_MS = 15_000;

/**
 * @param {string[]} args
 * @param {{ cwd: string, log: string, what: string }} options `what` is installed, for people
 */
export async function npm(args, { cwd, log, what }) {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, "w");
  const stopShowing = showProgress(`installing ${what}`);
  try {
    const { code, stopped } = await runToEnd(args, cwd, output);
    if (stopped) throw setupErrors.SETUP_STOPPED({ what });
    if (code !== 0) throw setupErrors.SETUP_NPM_FAILED({ what, log, tail: lastLines(log, 15) });
  } finally {
    stopShowing();
    closeSync(output);
  }
}

/**
 * Under `npm run` the same npm is used, by its own path. A signal goes to npm, which then takes back what it has begun;
 * this process waits for that, so that whoever comes next finds the folder at rest.
 *
 * @param {string[]} args
 * @param {string} cwd
 * @param {number} output
 * @returns {Promise<{ code: number, stopped: boolean }>}
 */
function runToEnd(args, cwd, output) {
  const own = process.env.npm_execpath;
  const [command, first] = own?.endsWith("npm-cli.js") ? [process.execPath, [own]] : ["npm", []];
  return new Promise(resolve => {
    let stopped = false;
    const child = spawn(command, [...first, ...args], { cwd, stdio: ["ignore", output, output] });
    const unforward = forwardSignals(child, () => {
      stopped = true;
    });
    /** @param {number} code */
    const end = code => {
      unforward();
      resolve({ code, stopped });
    };
    child.once("error", () => end(127));
    child.once("exit", code => end(code ?? 1));
  });
}

/**
 * On a terminal the line is rewritten in place; in a log it comes again now and then.
 *
 * @param {string} text
 * @returns {() => void} ends it
 */
function showProgress(text) {
  const { stderr } = process;
  const since = Date.now();
  const line = () => `  ${text} ${Math.round((Date.now() - since) / 1000)}s`;
  stderr.write(stderr.isTTY ? line() : `${line()}\n`);
  const timer = setInterval(
    () => stderr.write(stderr.isTTY ? `\r${line()}` : `${line()}\n`),
    stderr.isTTY ? 1000 : LOG_EVERY_MS,
  );
  return () => {
    clearInterval(timer);
    if (stderr.isTTY) stderr.write(`\r${line()}\n`);
  };
}

/**
 * @param {string} file
 * @param {number} count
 */
function lastLines(file, count) {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}
