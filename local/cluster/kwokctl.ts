/**
 * kwokctl's binary runtime, with its habits held in check:
 *
 * - It binds to 0.0.0.0 unless `bindAddress` says otherwise, etcd without a password included.
 * - It downloads what it is not given by path, kubectl among it, which it wants only to ask whether the API server
 *   answers. We ask that ourselves, so it gets `true` for a kubectl, and a PATH on which it finds no other.
 * - It writes into ~/.kube/config unless `--kubeconfig ""`.
 * - It tells by the pid alone whether a component runs. Pid files of processes that are gone or not ours are removed
 *   before it is asked to start what is missing.
 * - It reads ~/.kwok/kwok.yaml and KWOK_* variables: it gets a configuration and an environment of its own.
 * - It gives every cluster the highest ports that are free below 32768, so one that is created while a component of another
 *   is down takes its port. It is told ports.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { localErrors } from "../errors.ts";
import { freePort } from "../ports.ts";
import { findProcesses, type RunningProcess } from "../processes.ts";
import { removeFile, statePaths, writeFileAtomic } from "../state.ts";
import { findTool } from "../tool-path.ts";
import { type ComponentPorts, clusterDirOf, clusterProcesses, components } from "./health.ts";

const portOptions = [
  "etcdPort",
  "etcdPeerPort",
  "kubeApiserverPort",
  "kubeControllerManagerPort",
  "kubeSchedulerPort",
  "kwokControllerPort",
] as const;
type PortOptions = Readonly<Record<(typeof portOptions)[number], number>>;

/** What kwokctl is told once, at creation. Pure but for the tools' paths. */
export function kwokctlConfig(tool: (name: string) => string, ports: PortOptions): unknown {
  const extra = (name: string, args: Record<string, string>) => ({
    name,
    extraArgs: Object.entries(args).map(([key, value]) => ({ key, value })),
  });
  return {
    apiVersion: "config.kwok.x-k8s.io/v1alpha1",
    kind: "KwokctlConfiguration",
    options: {
      runtime: "binary",
      bindAddress: "127.0.0.1",
      securePort: true,
      kubeAuthorization: true,
      etcdBinary: tool("etcd"),
      kubeApiserverBinary: tool("kube-apiserver"),
      kubeControllerManagerBinary: tool("kube-controller-manager"),
      kubeSchedulerBinary: tool("kube-scheduler"),
      kwokControllerBinary: tool("kwok"),
      kubectlBinary: tool("true"),
      ...ports,
    },
    componentsPatches: [
      // Without these two the API server looks for an address of another interface, and fails on a machine that has
      // none (a laptop on a train): it may not announce a loopback address as an endpoint.
      extra("kube-apiserver", { "advertise-address": "127.0.0.1", "endpoint-reconciler-type": "none" }),
      // There is one of each. With leader election a killed one would wait 15 s for its own lease to run out.
      // Its defaults, 20 requests a second, spare an API server that many share; here a thousand Deployments would wait minutes.
      extra("kube-controller-manager", { "leader-elect": "false", "kube-api-qps": "300", "kube-api-burst": "600" }),
      extra("kube-scheduler", { "leader-elect": "false" }),
      // The same for kwok and its node. Its lease is a must, but of 200 s by default: so long would new pods stay Pending.
      extra("kwok-controller", { "node-lease-duration-seconds": "10" }),
    ],
  };
}

export async function createWithKwokctl(stateDir: string, name: string): Promise<void> {
  writeFileAtomic(configFile(stateDir), stringify(kwokctlConfig(findTool, await freePorts())));
  await kwokctl(stateDir, name, ["create", "cluster", "--kubeconfig", ""]);
}

async function freePorts(): Promise<PortOptions> {
  const taken = new Set<number>();
  const ports: Partial<Record<keyof PortOptions, number>> = {};
  for (const option of portOptions) {
    const port = await freePort(taken);
    taken.add(port);
    ports[option] = port;
  }
  return ports as PortOptions;
}

/** Starts the components that do not run; those that do stay untouched. Does not wait until they answer. */
export async function startWithKwokctl(stateDir: string, name: string): Promise<void> {
  removeStalePidFiles(clusterDirOf(stateDir, name));
  await kwokctl(stateDir, name, ["start", "cluster"]);
}

/** The ports in kwokctl's own record of the cluster; undefined for a cluster whose creation was interrupted. */
export function readPorts(clusterDir: string): ComponentPorts | undefined {
  const file = join(clusterDir, "kwok.yaml");
  if (!existsSync(file)) return undefined;
  const recorded = portsByComponent(readFileSync(file, "utf8"));
  const entries = components.flatMap(component => {
    const found = recorded.find(entry => entry.component === component && entry.use !== "peer-http");
    return found === undefined ? [] : [[component, found.port] as const];
  });
  return entries.length === components.length ? (Object.fromEntries(entries) as ComponentPorts) : undefined;
}

interface KwokctlRecord {
  readonly components?: readonly {
    readonly name: string;
    readonly ports?: readonly { readonly name: string; readonly port: number }[];
  }[];
}

/** Every port in a kwok.yaml, whose first document is kwokctl's record; the others are stages of kwok. */
export function portsByComponent(kwokYaml: string): { component: string; use: string; port: number }[] {
  const [first = ""] = kwokYaml.split(/^---$/m);
  const record = parse(first) as KwokctlRecord | null;
  return (record?.components ?? []).flatMap(({ name, ports = [] }) =>
    ports.map(({ name: use, port }) => ({ component: name, use, port })),
  );
}

/** Exchanges port numbers wherever they stand: in arguments, addresses and options. */
export function exchangePorts(text: string, moves: ReadonlyMap<number, number>): string {
  return text.replaceAll(/\b\d{4,5}\b/g, number => String(moves.get(Number(number)) ?? number));
}

function removeStalePidFiles(clusterDir: string): void {
  const alive = new Set(clusterProcesses(clusterDir).map(({ pid }) => String(pid)));
  const dir = join(clusterDir, "pids");
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir)) {
    const file = join(dir, entry);
    if (!alive.has(readFileSync(file, "utf8").trim())) removeFile(file);
  }
}

/** A kwokctl at work for this folder. */
export function kwokctlProcesses(stateDir: string): RunningProcess[] {
  return findProcesses(command => command.includes("kwokctl ") && command.includes(`--config ${configFile(stateDir)}`));
}

function configFile(stateDir: string): string {
  return join(statePaths.kwok(stateDir), "kwokctl.yaml");
}

/** @throws LOCAL_CLUSTER_CREATE_FAILED */
async function kwokctl(stateDir: string, name: string, args: readonly string[]): Promise<void> {
  const child = spawn(findTool("kwokctl"), [...args, "--name", name, "--config", configFile(stateDir)], {
    env: { KWOK_WORKDIR: statePaths.kwok(stateDir), HOME: stateDir, PATH: join(stateDir, "no-path") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk).slice(-4_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw localErrors.LOCAL_CLUSTER_CREATE_FAILED({ name, output: messagesIn(output) });
}

/** kwokctl logs one JSON object a line when it has no terminal. */
export function messagesIn(output: string): string {
  const messages = output.split("\n").flatMap(line => {
    try {
      const { msg, err } = JSON.parse(line) as { msg?: string; err?: string };
      return [[msg, err].filter(part => part !== undefined).join(": ")];
    } catch {
      return line.trim() === "" ? [] : [line.trim()];
    }
  });
  return messages.slice(-3).join("; ");
}
