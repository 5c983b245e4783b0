import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  endProcesses,
  findProcesses,
  findProcessesByEnvironment,
  hasEnded,
  identify,
  isAlive,
  listeningInodes,
  type ProcessIdentity,
  parsePs,
  parseStat,
  signal,
} from "./processes.ts";

async function sleeper(...args: string[]): Promise<ProcessIdentity> {
  const script =
    "process.on('SIGTERM', () => process.argv[1] === 'stubborn' || process.exit()); setInterval(() => {}, 1e6); console.log()";
  const child = spawn(process.execPath, ["-e", script, ...args], {
    env: { MARK: args[1] ?? "" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error("the child is not alive");
  return identity;
}

describe("process identity", () => {
  it("is of this process, and the same each time", () => {
    const self = identify(process.pid);
    expect(self).toEqual(identify(process.pid));
    expect(self && isAlive(self)).toBe(true);
  });

  it("tells a recycled pid from the process that had it before", async () => {
    const child = await sleeper("plain");
    const predecessor = { ...child, startedAt: `${child.startedAt}0` };
    expect(isAlive(predecessor)).toBe(false);
    expect(signal(predecessor, "SIGKILL")).toBe(false);
    await endProcesses([predecessor], 0);
    expect(isAlive(child)).toBe(true);
  });

  it("reads state, threads and start time past a program name with blanks and parentheses", () => {
    const stat = `42 (a) b (c) S 1 ${Array.from({ length: 17 }, (_, i) => i).join(" ")} 98765 0 0`;
    expect(parseStat(stat)).toEqual({ state: "S", threads: 15, startTicks: "98765" });
    expect(parseStat("")).toBeUndefined();
  });

  it("takes no process for ended whose threads still hold its ports", () => {
    expect(hasEnded({ state: "Z", threads: 2 })).toBe(false);
    expect(hasEnded({ state: "Z", threads: 1 })).toBe(true);
    expect(hasEnded({ state: "S", threads: 1 })).toBe(false);
  });

  it("reads a line of ps", () => {
    expect(parsePs("  501 S+   Mon Nov 23 02:02:18 2026     /x/bin/etcd --name a b")).toEqual({
      pid: 501,
      state: "S+",
      startedAt: "Mon Nov 23 02:02:18 2026",
      command: "/x/bin/etcd --name a b",
    });
    expect(parsePs("")).toBeUndefined();
  });
});

describe("finding processes", () => {
  it("finds by command line", async () => {
    const word = `w${Math.random()}`;
    const child = await sleeper("plain", word);
    expect(findProcesses(command => command.endsWith(word)).map(({ pid }) => pid)).toEqual([child.pid]);
  });

  it.runIf(process.platform === "linux")("finds by environment", async () => {
    const word = `w${Math.random()}`;
    const child = await sleeper("plain", word);
    expect(findProcessesByEnvironment("MARK", value => value === word)).toEqual([child]);
    expect(findProcessesByEnvironment("MAR", value => value === word)).toEqual([]);
  });
});

describe("ending processes", () => {
  it("ends one that obeys and one that does not", async () => {
    const [plain, stubborn] = [await sleeper("plain"), await sleeper("stubborn")];
    await endProcesses([plain, stubborn], 100);
    expect([isAlive(plain), isAlive(stubborn)]).toEqual([false, false]);
  });
});

describe("listening sockets", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2008 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:2008 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 20 4 30 10 -1
   2: 0100007F:2009 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0`;
  it("are those in state LISTEN on the port", () => {
    expect(listeningInodes(table, 0x2008)).toEqual(["111"]);
    expect(listeningInodes(table, 80)).toEqual([]);
  });
});
