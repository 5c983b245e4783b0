/**
 * Which process is which.
 *
 * A pid alone says little: after a reboot, or in a long session, the kernel gives it to somebody else. So every pid that
 * is kept in a file is kept with the start time of its process, and nothing is signalled unless both still agree.
 *
 * Linux answers from /proc; other systems through `ps`.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { localErrors } from "./errors.ts";

/** A pid together with when its process started: opaque, and never equal for two processes on one machine. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** A process that is alive now. `command` is its arguments joined with blanks. */
export interface RunningProcess extends ProcessIdentity {
  readonly command: string;
}

const linux = process.platform === "linux";

interface Stat {
  /** A letter. */
  readonly state: string;
  /** How many threads it has, a zombie of its first one included. */
  readonly threads: number;
  /** When it started, in clock ticks since boot. */
  readonly startTicks: string;
}

/** What a line of /proc/PID/stat says; proc_pid_stat(5). */
export function parseStat(stat: string): Stat | undefined {
  // The second field is the program's name in parentheses and may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads, startTicks] = [fields[0], fields[17], fields[19]];
  if (state === undefined || startTicks === undefined) return undefined;
  return { state, threads: Number(threads), startTicks };
}

/**
 * Whether nothing of it is left but its entry. While other threads of a killed process are on their way out, its first one
 * is a zombie already, and its ports are still taken: seen for milliseconds with etcd.
 */
export function hasEnded({ state, threads }: Pick<Stat, "state" | "threads">): boolean {
  return state === "X" || (state === "Z" && threads <= 1);
}

/** A line of `ps -o pid=,state=,lstart=,command=`; lstart is five words. */
export function parsePs(line: string): (RunningProcess & { state: string }) | undefined {
  const match = /^\s*(\d+)\s+(\S+)\s+((?:\S+\s+){4}\S+)\s+(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, pid = "", state = "", startedAt = "", command = ""] = match;
  return { pid: Number(pid), state, startedAt: startedAt.replaceAll(/\s+/g, " "), command };
}

/** The identity of the live process with this pid; undefined when there is none, or only its zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!linux) {
    const found = ps(["-p", String(pid)])[0];
    return found && { pid, startedAt: found.startedAt };
  }
  const stat = parseStat(readOr(`/proc/${pid}/stat`, ""));
  if (stat === undefined || hasEnded(stat)) return undefined;
  return { pid, startedAt: `${bootId()}/${stat.startTicks}` };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startedAt === identity.startedAt;
}

/** Every live process whose command passes the test. */
export function findProcesses(test: (command: string) => boolean): RunningProcess[] {
  if (!linux) return ps(["-axww"]).filter(found => test(found.command));
  const found: RunningProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const command = readOr(`/proc/${entry}/cmdline`, "").replaceAll("\0", " ").trimEnd();
    if (command === "" || !test(command)) continue;
    const identity = identify(Number(entry));
    if (identity !== undefined) found.push({ ...identity, command });
  }
  return found;
}

/**
 * Live processes that were started with a variable whose value passes the test.
 * Linux only: elsewhere the environment of others cannot be read, and none is found.
 */
export function findProcessesByEnvironment(name: string, test: (value: string) => boolean): ProcessIdentity[] {
  if (!linux) return [];
  const prefix = `${name}=`;
  return readdirSync("/proc").flatMap(pid => {
    if (!/^\d+$/.test(pid)) return [];
    const entry = readOr(`/proc/${pid}/environ`, "")
      .split("\0")
      .find(variable => variable.startsWith(prefix));
    return entry !== undefined && test(entry.slice(prefix.length)) ? (identify(Number(pid)) ?? []) : [];
  });
}

/** Sends the signal if that very process is still alive; true when it was. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Ends processes: SIGTERM, and SIGKILL for those still alive after `graceMs`.
 * Returns when all are gone.
 * @throws LOCAL_PROCESS_STUCK when one outlives SIGKILL by 10 s.
 */
export async function endProcesses(identities: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  let alive = identities.filter(identity => signal(identity, graceMs > 0 ? "SIGTERM" : "SIGKILL"));
  alive = await survivors(alive, graceMs);
  alive = await survivors(
    alive.filter(identity => signal(identity, "SIGKILL")),
    10_000,
  );
  if (alive.length > 0) throw localErrors.LOCAL_PROCESS_STUCK({ pids: alive.map(({ pid }) => pid).join(", ") });
}

async function survivors(identities: readonly ProcessIdentity[], withinMs: number): Promise<ProcessIdentity[]> {
  const deadline = Date.now() + withinMs;
  let alive = identities.filter(isAlive);
  while (alive.length > 0 && Date.now() < deadline) {
    await delay(20);
    alive = alive.filter(isAlive);
  }
  return alive;
}

/** Who listens on a TCP port of this host, as "name (pid)"; undefined when the system does not tell. */
export function portOwner(port: number): string | undefined {
  if (!linux) return undefined;
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap(file => listeningInodes(readOr(file, ""), port)));
  if (inodes.size === 0) return undefined;
  const owner = readdirSync("/proc").find(
    pid => /^\d+$/.test(pid) && socketInodes(pid).some(inode => inodes.has(inode)),
  );
  return owner && `${readOr(`/proc/${owner}/comm`, "process").trim()} (${owner})`;
}

/** The socket inodes that listen on a port, from /proc/net/tcp or tcp6; proc_pid_net(5). State 0A is LISTEN. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").flatMap(line => {
    const fields = line.trim().split(/\s+/);
    return fields[3] === "0A" && fields[1]?.endsWith(`:${wanted}`) && fields[9] !== undefined ? [fields[9]] : [];
  });
}

function socketInodes(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      const target = readLinkOr(`/proc/${pid}/fd/${fd}`);
      return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [];
    });
  } catch {
    return []; // another user's process, or one that has just ended
  }
}

function ps(selection: string[]): RunningProcess[] {
  try {
    const output = execFileSync("ps", [...selection, "-o", "pid=,state=,lstart=,command="], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
      maxBuffer: 64 * 1024 * 1024,
    });
    return output.split("\n").flatMap(line => {
      const found = parsePs(line);
      return found === undefined || found.state.startsWith("Z") ? [] : [found];
    });
  } catch {
    return []; // ps exits with 1 when nothing matches
  }
}

let cachedBootId: string | undefined;
function bootId(): string {
  cachedBootId ??= readOr("/proc/sys/kernel/random/boot_id", "").trim();
  return cachedBootId;
}

function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}

function readLinkOr(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}
