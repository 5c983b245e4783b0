/** One set-up at a time. local/lock.ts says more; this one needs nothing but Node 18. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Runs `work` while holding `file`, which names this process. Waits for another that holds it and lives.
 *
 * @template T
 * @param {string} file
 * @param {(pid: number) => void} onWait told once whom it waits for
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, onWait, work) {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!take(file)) {
    const holder = holderOf(file);
    if (holder === undefined) {
      removeStale(file);
      continue;
    }
    if (!told) onWait(holder);
    told = true;
    await delay(200);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * link(2) makes the file appear with its content or not at all.
 *
 * @param {string} file
 */
function take(file) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, String(process.pid));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Two that wait may both find it stale: what is moved aside is looked at again, and put back if it is alive.
 *
 * @param {string} file
 */
function removeStale(file) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (holderOf(aside) !== undefined) linkSync(aside, file);
  } catch {
    // Another was faster.
  }
  rmSync(aside, { force: true });
}

/**
 * @param {string} file
 * @returns {number | undefined} the pid of a live holder
 */
function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    if (pid > 0) process.kill(pid, 0);
    return pid > 0 ? pid : undefined;
  } catch (error) {
    // A process of another user is alive too.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EPERM") return Number(readFileSync(file, "utf8"));
    return undefined;
  }
}
