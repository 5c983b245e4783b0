/**
 * The embedded cluster: real etcd, API server, controller manager and scheduler, and kwok for the pods, all processes of
 * this host that listen on 127.0.0.1 only.
 *
 * `ensureCluster` brings it up from whatever it finds: nothing, a running cluster, one with dead processes (a crash, a
 * reboot), or one whose creation was interrupted. What etcd holds survives in all cases but the last.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterHealth,
  type ClusterRecord,
  clusterDirOf,
  clusterProcesses,
  inspectCluster,
  readClusterRecord,
  runningComponents,
} from "./cluster/health.ts";
import { kubeconfigOf, readCredentials } from "./cluster/kubeconfig.ts";
import { createWithKwokctl, exchangePorts, portsByComponent, readPorts, startWithKwokctl } from "./cluster/kwokctl.ts";
import { ensureNode } from "./cluster/node.ts";
import { localErrors } from "./errors.ts";
import { withLock } from "./lock.ts";
import { freePort, listenError } from "./ports.ts";
import { endProcesses, portOwner } from "./processes.ts";
import { lastLines, openStateDir, removeFile, statePaths, writeFileAtomic, writeJson } from "./state.ts";

export interface ClusterRequest {
  readonly stateDir: string;
  readonly name: string;
  /** Recorded as the cluster's generation (see probe.ts); left out, a repair counts the recorded one up. */
  readonly generation?: number;
  /** Is told what happens, one line each. */
  readonly progress?: (line: string) => void;
}

export interface Cluster {
  /** A self-contained kubeconfig (YAML). */
  readonly kubeconfig: string;
  /** https://127.0.0.1:PORT */
  readonly server: string;
  /** How often processes had to be started: 1 after the creation, the same again when nothing had to be done. */
  readonly startCount: number;
}

const readyWithinMs = 60_000;
const answerWithinMs = 2_000;
const otherRunMs = 180_000;

/**
 * @throws LOCAL_TOOL_MISSING, LOCAL_CLUSTER_CREATE_FAILED, LOCAL_CLUSTER_NOT_READY, LOCAL_CLUSTER_RENAMED, LOCAL_LOCKED
 */
export async function ensureCluster(request: ClusterRequest): Promise<Cluster> {
  const stateDir = openStateDir(request.stateDir);
  return withLock(stateDir, "cluster", () => ensureLocked({ ...request, stateDir }), { waitMs: otherRunMs });
}

/** Ends every process of the cluster and removes its data. Nothing there is fine. */
export async function deleteCluster({ stateDir: dir, name }: { stateDir: string; name: string }): Promise<void> {
  const stateDir = openStateDir(dir);
  await withLock(stateDir, "cluster", () => wipe(stateDir, name), { waitMs: otherRunMs });
}

interface Site {
  readonly stateDir: string;
  readonly name: string;
  readonly clusterDir: string;
  readonly progress: (line: string) => void;
}

async function ensureLocked({ stateDir, name, generation, progress = () => {} }: ClusterRequest): Promise<Cluster> {
  const site: Site = { stateDir, name, clusterDir: clusterDirOf(stateDir, name), progress };
  const recorded = readClusterRecord(stateDir);
  if (recorded !== undefined && recorded.name !== name) {
    throw localErrors.LOCAL_CLUSTER_RENAMED({ stateDir, recorded: recorded.name, asked: name });
  }
  // The record is written when the cluster is ready for the first time: without it, the creation was interrupted.
  const kept = recorded?.clusterDir === site.clusterDir && readPorts(site.clusterDir) !== undefined;
  if (!kept) {
    progress(
      recorded === undefined ? `creating the cluster ${name}` : `creating the cluster ${name} anew: it was moved`,
    );
    await wipe(stateDir, name);
    await createWithKwokctl(stateDir, name);
  }
  const started = await bringUp(site);
  const before = kept ? recorded : { startCount: 0, generation: recorded?.generation ?? 0 };
  const changed = started || !kept;
  return writeRecord(site, {
    startCount: before.startCount + (changed ? 1 : 0),
    generation: generation ?? before.generation + (changed ? 1 : 0),
  });
}

/** @returns whether anything had to be started */
async function bringUp(site: Site): Promise<boolean> {
  if ((await problemsOf(site)).problems.length === 0) return false;
  await moveAwayFromTakenPorts(site);
  if ((await waitReady(site)).length === 0) return true;
  // Something runs but hangs, or holds on to what is gone: begin again with the same data.
  site.progress("the cluster does not become ready; restarting all of it");
  await endProcesses(clusterProcesses(site.clusterDir), 5_000);
  const problems = await waitReady(site);
  if (problems.length > 0) throw notReady(site, problems);
  return true;
}

/** Starts what is dead, also what gave up while another was not there yet, until all answer. Returns what does not. */
async function waitReady(site: Site): Promise<readonly string[]> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    const { problems, dead } = await problemsOf(site);
    if (problems.length === 0 || Date.now() >= deadline) return problems;
    if (dead.length > 0) {
      site.progress(`starting ${dead.join(", ")}`);
      await startWithKwokctl(site.stateDir, site.name);
    }
    await delay(100);
  }
}

async function problemsOf({ clusterDir }: Site): Promise<Pick<ClusterHealth, "problems" | "dead">> {
  const ports = readPorts(clusterDir);
  if (ports === undefined) return { problems: ["kwokctl has no record of it"], dead: [] };
  const health = await inspectCluster({ clusterDir, ports }, answerWithinMs);
  if (health.problems.length > 0) return health;
  const missing = await ensureNode(serverAt(ports["kube-apiserver"]), readCredentials(clusterDir));
  return { problems: missing === undefined ? [] : [missing], dead: [] };
}

/**
 * While a component was down somebody else may have taken its port. All components name each other's ports, so all are
 * stopped and the number is exchanged wherever kwokctl wrote it.
 */
async function moveAwayFromTakenPorts({ clusterDir, progress }: Site): Promise<void> {
  const files = ["kwok.yaml", "kubeconfig.yaml"].map(file => join(clusterDir, file));
  const running = runningComponents(clusterDir);
  const kwokYaml = readFileSync(join(clusterDir, "kwok.yaml"), "utf8");
  const used = new Set<number>(portsByComponent(kwokYaml).map(({ port }) => port));
  const moves = new Map<number, number>();
  for (const { component, port } of portsByComponent(kwokYaml)) {
    if (running.has(component) || (await listenError(port)) === undefined) continue;
    const next = await freePort(used);
    progress(`port ${port} of ${component} is taken${ownerPhrase(port)}; moving to ${next}`);
    used.add(next);
    moves.set(port, next);
  }
  if (moves.size === 0) return;
  await endProcesses(clusterProcesses(clusterDir), 5_000);
  for (const file of files) writeFileAtomic(file, exchangePorts(readFileSync(file, "utf8"), moves));
}

function ownerPhrase(port: number): string {
  const owner = portOwner(port);
  return owner === undefined ? "" : ` by ${owner}`;
}

/** Removes the cluster and its record, and everything of it that runs, whatever kwokctl's own files say. */
async function wipe(stateDir: string, name: string): Promise<void> {
  const clusterDir = clusterDirOf(stateDir, name);
  await endProcesses(clusterProcesses(clusterDir), 5_000);
  removeFile(statePaths.cluster(stateDir));
  removeFile(statePaths.kubeconfig(stateDir));
  removeFile(statePaths.kwok(stateDir));
}

function writeRecord(site: Site, counts: Pick<ClusterRecord, "startCount" | "generation">): Cluster {
  const { stateDir, name, clusterDir } = site;
  const ports = readPorts(clusterDir);
  if (ports === undefined) throw notReady(site, ["kwokctl has no record of it"]);
  const server = serverAt(ports["kube-apiserver"]);
  const kubeconfig = kubeconfigOf(name, server, readCredentials(clusterDir));
  writeFileAtomic(statePaths.kubeconfig(stateDir), kubeconfig);
  writeJson(statePaths.cluster(stateDir), { name, clusterDir, ports, ...counts } satisfies ClusterRecord);
  return { kubeconfig, server, startCount: counts.startCount };
}

function notReady({ name, clusterDir }: Site, problems: readonly string[]): Error {
  const log = join(clusterDir, "logs", `${problems[0]?.split(" ")[0]}.log`);
  const end = lastLines(log, 5);
  return localErrors.LOCAL_CLUSTER_NOT_READY({
    name,
    problems: problems.join(", "),
    log: end === "" ? "" : `${log}:\n${end}`,
  });
}

function serverAt(port: number): string {
  return `https://127.0.0.1:${port}`;
}
