/** Looks at the embedded cluster without changing anything: which processes live, and whether they answer. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { findProcesses, type RunningProcess } from "../processes.ts";
import { readJson, statePaths } from "../state.ts";
import { type Credentials, readCredentials } from "./kubeconfig.ts";

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

export function componentOf(clusterDir: string, command: string): Component | undefined {
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
    const status = await healthStatus(component, ports[component], clusterDir, timeoutMs);
    return status === 200 ? undefined : `${component} answers ${status}`;
  } catch (error) {
    return `${component} does not answer (${error instanceof Error ? error.message : error})`;
  }
}

function healthStatus(component: Component, port: number, clusterDir: string, timeoutMs: number): Promise<number> {
  switch (component) {
    case "etcd":
      return get({ port, path: "/health", timeoutMs });
    case "kwok-controller":
      return get({ port, path: "/healthz", timeoutMs });
    case "kube-apiserver":
      return get({ port, path: "/readyz", timeoutMs, credentials: readCredentials(clusterDir) });
    default:
      // They serve with a certificate of their own making; only liveness is asked, nothing is sent.
      return get({ port, path: "/healthz", timeoutMs, insecure: true });
  }
}

interface Get {
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
  readonly credentials?: Credentials;
  readonly insecure?: boolean;
}

function get({ port, path, timeoutMs, credentials, insecure }: Get): Promise<number> {
  const target = { host: "127.0.0.1", port, path, signal: AbortSignal.timeout(timeoutMs), agent: false };
  return new Promise((resolve, reject) => {
    const request =
      credentials === undefined && insecure !== true
        ? httpRequest(target)
        : httpsRequest({ ...target, ...credentials, rejectUnauthorized: insecure !== true });
    request.once("response", response => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once("error", error =>
      reject(error.name === "AbortError" ? new Error(`no answer in ${timeoutMs} ms`) : error),
    );
    request.end();
  });
}
