/**
 * The embedded cluster: real etcd, API server, controller manager and scheduler, and kwok for the pods, all processes of
 * this host that listen on 127.0.0.1 only.
 *
 * `ensureCluster` brings it up from whatever it finds: nothing, a running cluster, one with dead processes (a crash, a
 * reboot), or one whose creation was interrupted. What etcd holds survives in all cases but the last.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterHealth,
  type ClusterRecord,
  clusterDirOf,
  clusterProcesses,
  hasData,
  inspectCluster,
  readClusterRecord,
  runningComponents,
} from "./cluster/health.ts";
import { kubeconfigOf, readCredentials } from "./cluster/kubeconfig.ts";
import {
  createWithKwokctl,
  exchangePorts,
  kwokctlProcesses,
  portsByComponent,
  readPorts,
  startWithKwokctl,
} from "./cluster/kwokctl.ts";
import { ensureNode } from "./cluster/node.ts";
import { localErrors } from "./errors.ts";
import { recordedGeneration } from "./generation.ts";
import { withLock } from "./lock.ts";
import { freePort, listenError } from "./ports.ts";
import { endProcesses, findProcesses, portOwner } from "./processes.ts";
import { lastLines, openStateDir, removeFile, statePaths, writeFileAtomic, writeJson } from "./state.ts";

export interface ClusterRequest {
  readonly stateDir: string;
  readonly name: string;
  /** See generation.ts. */
  readonly generation?: number | undefined;
  /** What Pulumi knows the cluster's data by; recorded as it is. */
  readonly createdAs?: number | undefined;
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
const hangsAfterMs = 15_000;
const answerWithinMs = 2_000;
const otherRunMs = 180_000;

/**
 * @throws LOCAL_TOOL_MISSING, LOCAL_CLUSTER_CREATE_FAILED, LOCAL_CLUSTER_NOT_READY, LOCAL_CLUSTER_RENAMED, LOCAL_LOCKED
 */
export async function ensureCluster(request: ClusterRequest): Promise<Cluster> {
  const stateDir = openStateDir(request.stateDir);
  return withLock(stateDir, "cluster", () => ensureLocked({ ...request, stateDir }), { waitMs: otherRunMs });
}

/**
 * Ends every process of the cluster and removes its data. Nothing there is fine.
 * @param name leaves a cluster with another name alone; undefined: whatever is there
 */
export async function deleteCluster({
  stateDir: dir,
  name,
}: {
  stateDir: string;
  name?: string | undefined;
}): Promise<void> {
  const stateDir = openStateDir(dir);
  await withLock(
    stateDir,
    "cluster",
    async () => {
      const recorded = readClusterRecord(stateDir)?.name;
      if (name === undefined || recorded === undefined || recorded === name) await wipe(stateDir);
    },
    { waitMs: otherRunMs },
  );
}

interface Site {
  readonly stateDir: string;
  readonly name: string;
  readonly clusterDir: string;
  readonly progress: (line: string) => void;
}

async function ensureLocked({
  stateDir,
  name,
  generation,
  createdAs,
  progress = () => {},
}: ClusterRequest): Promise<Cluster> {
  const site: Site = { stateDir, name, clusterDir: clusterDirOf(stateDir, name), progress };
  const recorded = readClusterRecord(stateDir);
  if (recorded !== undefined && recorded.name !== name) {
    throw localErrors.LOCAL_CLUSTER_RENAMED({ stateDir, recorded: recorded.name, asked: name });
  }
  // The record is written when the cluster is ready for the first time: without it, the creation was interrupted.
  const isHere = recorded?.clusterDir === site.clusterDir;
  const kept = isHere && readPorts(site.clusterDir) !== undefined && hasData(site.clusterDir);
  if (!kept) {
    const why = isHere ? " anew: its data is gone" : " anew: it was moved";
    progress(`creating the cluster ${name}${recorded === undefined ? "" : why}`);
    if (recorded !== undefined && !existsSync(recorded.clusterDir)) {
      await endProcesses(clusterProcesses(recorded.clusterDir), 0); // they still run from where the folder was
    }
    await wipe(stateDir);
    await createWithKwokctl(stateDir, name);
  }
  const started = await bringUp(site);
  const changed = started || !kept;
  const counted = recordedGeneration(recorded?.generation, { asked: generation, changed });
  return writeRecord(site, {
    startCount: (kept ? recorded.startCount : 0) + (changed ? 1 : 0),
    generation: counted,
    createdAs: createdAs ?? (kept ? recorded.createdAs : counted),
  });
}

/** @returns whether anything had to be started */
async function bringUp(site: Site): Promise<boolean> {
  const found = await problemsOf(site);
  if (found.problems.length === 0) return false;
  // All processes are there but do not answer: they are slow, just starting, or they hang.
  const { problems: left, started } = await waitReady(site, found.dead.length === 0 ? hangsAfterMs : readyWithinMs);
  if (left.length === 0) return started;
  site.progress("the cluster does not become ready; restarting all of it with the same data");
  await endProcesses(clusterProcesses(site.clusterDir), 5_000);
  const { problems } = await waitReady(site, readyWithinMs);
  if (problems.length > 0) throw notReady(site, problems);
  return true;
}

/**
 * Starts what is dead, also what gave up while another was not there yet, until all answer. Returns what does not, and
 * whether anything was started.
 */
async function waitReady(site: Site, withinMs: number): Promise<{ problems: readonly string[]; started: boolean }> {
  const deadline = Date.now() + withinMs;
  let started = false;
  for (;;) {
    const { problems, dead } = await problemsOf(site);
    if (problems.length === 0 || Date.now() >= deadline) return { problems, started };
    if (dead.length > 0) {
      started = true;
      // At each attempt: the port may be what it died of.
      await moveAwayFromTakenPorts(site);
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
async function wipe(stateDir: string): Promise<void> {
  const kwok = statePaths.kwok(stateDir);
  await endProcesses(kwokctlProcesses(stateDir), 0); // of a run that was killed
  await endProcesses(
    findProcesses(command => command.startsWith(join(kwok, "clusters", "/"))),
    5_000,
  );
  removeFile(statePaths.cluster(stateDir));
  removeFile(statePaths.kubeconfig(stateDir));
  removeFile(kwok);
}

function writeRecord(site: Site, counts: Pick<ClusterRecord, "startCount" | "generation" | "createdAs">): Cluster {
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
