/** The table of `npm run status` and `node local/cli.ts status`. */
import { join } from "node:path";
import { clusterDirOf, components, readClusterRecord, runningComponents } from "./cluster/health.ts";
import { lockHolder } from "./lock.ts";
import { probe } from "./probe.ts";
import { statePaths } from "./state.ts";
import { liveProcess, readRecord } from "./supervisor/record.ts";

export interface StatusRow {
  readonly part: string;
  readonly state: string;
  readonly pid: string;
  readonly uptime: string;
  readonly restarts: string;
  readonly address: string;
  readonly log: string;
}

const nothing = { pid: "-", uptime: "-", restarts: "-", address: "-", log: "-" };

export async function statusRows(stateDir: string, now: number = Date.now()): Promise<StatusRow[]> {
  const found = await probe(stateDir);
  const clusterState = [found.cluster.state, found.cluster.problem].filter(text => text !== "").join(": ");
  const services = Object.entries(found.services).map(([name, { state, problem }]) =>
    serviceRow(stateDir, name, problem === "" ? state : `${state}: ${problem}`, now),
  );
  return [...clusterRows(stateDir, clusterState), supervisorRow(stateDir, now), ...services];
}

function clusterRows(stateDir: string, state: string): StatusRow[] {
  const record = readClusterRecord(stateDir);
  if (record === undefined) return [{ ...nothing, part: "cluster", state }];
  const clusterDir = clusterDirOf(stateDir, record.name);
  const running = runningComponents(clusterDir);
  const server = `https://127.0.0.1:${record.ports["kube-apiserver"]}`;
  const head = {
    ...nothing,
    part: `cluster ${record.name}`,
    state,
    restarts: String(record.startCount - 1),
    address: server,
  };
  const rows = components.map(component => {
    const pid = running.get(component)?.pid;
    const address = `127.0.0.1:${record.ports[component]}`;
    const log = join(clusterDir, "logs", `${component}.log`);
    return {
      ...nothing,
      part: `  ${component}`,
      state: pid ? "running" : "dead",
      pid: String(pid ?? "-"),
      address,
      log,
    };
  });
  return [head, ...rows];
}

function supervisorRow(stateDir: string, now: number): StatusRow {
  const holder = lockHolder(stateDir, "supervisor");
  const row = { ...nothing, part: "supervisor", state: "not running", log: statePaths.supervisorLog(stateDir) };
  return holder
    ? { ...row, state: "running", pid: String(holder.pid), uptime: duration(now - Date.parse(holder.since)) }
    : row;
}

function serviceRow(stateDir: string, name: string, state: string, now: number): StatusRow {
  const record = readRecord(stateDir, name);
  const live = liveProcess(record);
  return {
    part: name,
    state,
    pid: String(live?.pid ?? "-"),
    uptime: live && record ? duration(now - Date.parse(record.startedAt)) : "-",
    restarts: String(record?.restarts ?? "-"),
    address: record ? new URL(record.service.ready.url).origin : "-",
    log: statePaths.log(stateDir, name),
  };
}

/** Like kubectl's ages: 42s, 5m, 3h, 2d. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Columns padded to their widest cell, with a head. */
export function formatTable(rows: readonly StatusRow[]): string {
  const columns = ["part", "state", "pid", "uptime", "restarts", "address", "log"] as const;
  const lines = [
    Object.fromEntries(columns.map(column => [column, column.toUpperCase()])) as unknown as StatusRow,
    ...rows,
  ];
  const widths = columns.map(column => Math.max(...lines.map(line => line[column].length)));
  return lines
    .map(line =>
      columns
        .map((column, i) => line[column].padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
