/**
 * One at a time: a lock file that names its holder by pid and start time, so that what a killed holder left behind is
 * recognised as stale and taken over.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { localErrors } from "./errors.ts";
import { identify, isAlive, type ProcessIdentity } from "./processes.ts";
import { readJson } from "./state.ts";

export interface LockHolder extends ProcessIdentity {
  readonly command: string;
  /** ISO time at which the lock was taken. */
  readonly since: string;
}

export interface LockOptions {
  /** How long to wait for a live holder before giving up. Default 0: at once. */
  readonly waitMs?: number;
}

/**
 * Runs `fn` while holding `DIR/WHAT.lock`.
 * @throws LOCAL_LOCKED when another live process holds it for longer than `waitMs`
 */
export async function withLock<T>(
  dir: string,
  what: string,
  fn: () => Promise<T>,
  { waitMs = 0 }: LockOptions = {},
): Promise<T> {
  const release = await takeLock(dir, what, waitMs);
  try {
    return await fn();
  } finally {
    release();
  }
}

/** The live holder of the lock, if there is one. */
export function lockHolder(dir: string, what: string): LockHolder | undefined {
  const holder = readJson<LockHolder>(lockFile(dir, what));
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

/** Whether the lock that this process took is still there. */
export function stillHeld(dir: string, what: string): boolean {
  return readJson<LockHolder>(lockFile(dir, what))?.pid === process.pid;
}

async function takeLock(dir: string, what: string, waitMs: number): Promise<() => void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = lockFile(dir, what);
  const deadline = Date.now() + waitMs;
  for (;;) {
    const mine = tryCreate(file);
    if (mine !== undefined) return () => releaseIfMine(file, mine);
    const holder = lockHolder(dir, what);
    if (holder === undefined) {
      removeStale(file);
      continue;
    }
    if (Date.now() >= deadline) {
      const { pid, command, since } = holder;
      throw localErrors.LOCAL_LOCKED({ what, pid, command, since });
    }
    await delay(50);
  }
}

/** The new lock's content, or undefined when somebody has it. link(2) makes the file appear complete or not at all. */
function tryCreate(file: string): string | undefined {
  const self = identify(process.pid) ?? { pid: process.pid, startedAt: "" };
  const command = ["node", ...process.argv.slice(1)].join(" ");
  const content = JSON.stringify({ ...self, command, since: new Date().toISOString() } satisfies LockHolder);
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Two contenders may see the same stale lock; the slower one must not remove the lock that the faster one has just
 * taken. So the file is moved aside, looked at again, and put back if it turns out to be alive.
 */
function removeStale(file: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return; // the other contender was faster
  }
  const holder = readJson<LockHolder>(aside);
  try {
    if (holder !== undefined && isAlive(holder)) linkSync(aside, file);
  } catch {
    // A third contender has it by now; the holder moved aside finds out at its release and leaves that lock alone.
  }
  rmSync(aside, { force: true });
}

function releaseIfMine(file: string, mine: string): void {
  if (readOrUndefined(file) === mine) rmSync(file, { force: true });
}

function lockFile(dir: string, what: string): string {
  return join(dir, `${what.replaceAll(/[^\w.-]+/g, "-")}.lock`);
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
