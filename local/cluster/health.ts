/** Looks at the embedded cluster without changing anything: which processes live, and whether they answer. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Call, call } from "../http.ts";
import { findProcesses, type RunningProcess } from "../processes.ts";
import { readJson, statePaths } from "../state.ts";
import { readCredentials } from "./kubeconfig.ts";

/** The processes of a cluster, by the names that kwokctl gives them. */
export const components = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok-controller",
] as const;
export type Component = (typeof components)[number];

/** The port on which each component answers. */
export type ComponentPorts = Readonly<Record<Component, number>>;

/** What `cluster up` recorded when the cluster was last ready. */
export interface ClusterRecord {
  readonly name: string;
  /** kwokctl's folder at that time; kwokctl wrote it into every argument, so a moved folder is a lost cluster. */
  readonly clusterDir: string;
  readonly ports: ComponentPorts;
  /** How often processes of this cluster had to be started: 1 after its creation. */
  readonly startCount: number;
  readonly generation: number;
  /** The generation with which etcd began empty: another one, and everything that was in the cluster is gone. */
  readonly createdAs: number;
}

export interface ClusterHealth {
  readonly processes: ReadonlyMap<string, RunningProcess>;
  readonly dead: readonly Component[];
  /** What is wrong, one phrase each; empty when all is well. */
  readonly problems: readonly string[];
}

export function clusterDirOf(stateDir: string, name: string): string {
  return join(statePaths.kwok(stateDir), "clusters", name);
}

/** Whether etcd's data is there. Without it etcd begins empty, and the rest of the cluster with it. */
export function hasData(clusterDir: string): boolean {
  return existsSync(join(clusterDir, "etcd", "member"));
}

export function readClusterRecord(stateDir: string): ClusterRecord | undefined {
  return readJson<ClusterRecord>(statePaths.cluster(stateDir));
}

/**
 * Every live process of the cluster, also one that kwokctl has lost track of: kwokctl starts each component through a
 * link in the cluster's own `bin` folder, so its command line tells to whom it belongs.
 */
export function clusterProcesses(clusterDir: string): RunningProcess[] {
  const bin = join(clusterDir, "bin", "/");
  return findProcesses(command => command.startsWith(bin));
}

function componentOf(clusterDir: string, command: string): Component | undefined {
  return components.find(component => {
    const binary = join(clusterDir, "bin", component);
    return command === binary || command.startsWith(`${binary} `);
  });
}

export function runningComponents(clusterDir: string): ReadonlyMap<string, RunningProcess> {
  const running = new Map<string, RunningProcess>();
  for (const found of clusterProcesses(clusterDir)) {
    const component = componentOf(clusterDir, found.command);
    if (component !== undefined) running.set(component, found);
  }
  return running;
}

/** @param timeoutMs for each component's answer, all asked at once */
export async function inspectCluster(
  { clusterDir, ports }: Pick<ClusterRecord, "clusterDir" | "ports">,
  timeoutMs: number,
): Promise<ClusterHealth> {
  const processes = runningComponents(clusterDir);
  const dead = components.filter(component => !processes.has(component));
  const alive = components.filter(component => processes.has(component));
  const answers = await Promise.all(alive.map(component => silence(component, ports, clusterDir, timeoutMs)));
  const silent = answers.filter(problem => problem !== undefined);
  return { processes, dead, problems: [...dead.map(component => `${component} is not running`), ...silent] };
}

/** What is wrong with a component's answer; undefined when it is healthy. */
async function silence(
  component: Component,
  ports: ComponentPorts,
  clusterDir: string,
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const { status } = await call({ ...healthCall(component, ports[component], clusterDir), timeoutMs });
    return status === 200 ? undefined : `${component} answers ${status}`;
  } catch (error) {
    return `${component} does not answer (${error instanceof Error ? error.message : error})`;
  }
}

function healthCall(component: Component, port: number, clusterDir: string): Call {
  switch (component) {
    case "etcd":
      return { url: `http://127.0.0.1:${port}/health` };
    case "kwok-controller":
      return { url: `http://127.0.0.1:${port}/healthz` };
    case "kube-apiserver":
      return { url: `https://127.0.0.1:${port}/readyz`, tls: readCredentials(clusterDir) };
    default:
      // These two serve with certificates of their own making; nothing is sent but the question.
      return { url: `https://127.0.0.1:${port}/healthz`, tls: {} };
  }
}
