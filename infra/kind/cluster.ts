/**
 * A kind cluster as a Pulumi resource needs it: `up` repairs or creates, `down` may find nothing, `probe` tells what
 * changed behind Pulumi's back.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { errors } from "./errors.ts";
import { run } from "./run.ts";

export interface ClusterSpec {
  readonly name: string;
  /** Empty takes the image that the installed kind was made for. */
  readonly nodeImage: string;
  /** The port of 127.0.0.1 where Vault's NodePort appears. */
  readonly vaultPort: number;
  /** A folder for the cluster's kubeconfig and record. */
  readonly stateDir: string;
}

/** Vault's port on the cluster's node; the Vault chart's Service takes it. */
export const VAULT_NODE_PORT = 30820;

/**
 * What Pulumi compares with the run before. `identity` changes when the cluster is gone and everything in it, `health`
 * when it stands still; both are constant while all is well, also from the first run, which made it, to the second.
 */
export interface Probe {
  readonly identity: string;
  readonly health: string;
}

interface ClusterRecord {
  /** The node's container, which is the cluster; empty from the beginning of its creation to the end. */
  readonly container: string;
  readonly identity: number;
  readonly health: number;
}

const kubeconfigPath = (spec: Pick<ClusterSpec, "stateDir">) => join(spec.stateDir, "kubeconfig.yaml");
const recordPath = (spec: Pick<ClusterSpec, "stateDir">) => join(spec.stateDir, "kind.json");

/** kind's configuration: one node, and Vault's port of it on the loopback address alone. */
export const clusterConfig = (vaultPort: number): string =>
  JSON.stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    nodes: [
      {
        role: "control-plane",
        extraPortMappings: [{ containerPort: VAULT_NODE_PORT, hostPort: vaultPort, listenAddress: "127.0.0.1" }],
      },
    ],
  });

/** Creates the cluster, starts it when it stands still, does nothing when it runs; returns its kubeconfig. */
export async function up(spec: ClusterSpec, probed: Probe): Promise<string> {
  await dockerAnswers();
  await mkdir(spec.stateDir, { recursive: true });
  const keepRecord = async (container: string): Promise<void> => {
    const record: ClusterRecord = { container, identity: Number(probed.identity), health: Number(probed.health) };
    await writeFile(recordPath(spec), JSON.stringify(record));
  };
  if (!(await usable(spec))) {
    await keepRecord("");
    await create(spec);
  }
  await keepRecord((await node(spec.name))?.container ?? "");
  return await kubeconfig(spec.name);
}

/** Removes the cluster and what was kept about it. */
export async function down(spec: Pick<ClusterSpec, "name" | "stateDir">): Promise<void> {
  const outcome = await run("kind", ["delete", "cluster", "--name", spec.name, "--kubeconfig", kubeconfigPath(spec)]);
  if (!outcome.ok) throw errors.KIND_DELETE_FAILED({ name: spec.name, said: outcome.said });
  await rm(recordPath(spec), { force: true });
  await rm(kubeconfigPath(spec), { force: true });
}

export async function probe(spec: Pick<ClusterSpec, "name" | "stateDir">): Promise<Probe> {
  await dockerAnswers();
  const recorded = await readRecord(spec);
  if (!recorded) return { identity: "1", health: "1" };
  const found = await node(spec.name);
  const isKnown = recorded.container === "" || found?.container === recorded.container;
  const identity = isKnown ? recorded.identity : recorded.identity + 1;
  const health = found && !found.running ? recorded.health + 1 : recorded.health;
  return { identity: String(identity), health: String(health) };
}

async function create(spec: ClusterSpec): Promise<void> {
  await portIsFree(spec.vaultPort);
  const image = spec.nodeImage ? ["--image", spec.nodeImage] : [];
  const args = ["create", "cluster", "--name", spec.name, ...image, "--wait", "3m"];
  const outcome = await run("kind", [...args, "--kubeconfig", kubeconfigPath(spec), "--config", "-"], {
    input: clusterConfig(spec.vaultPort),
  });
  if (outcome.ok) return;
  // Pulumi keeps nothing of a create that failed, so nothing may stay.
  await run("kind", ["delete", "cluster", "--name", spec.name, "--kubeconfig", kubeconfigPath(spec)], { quiet: true });
  throw errors.KIND_CREATE_FAILED({ name: spec.name, said: outcome.said });
}

/**
 * Whether the cluster is there and its node ready, after starting it where it stands still. One that an interrupted
 * `up` left half made is removed, and so is one that is not ready and that no record names.
 */
async function usable(spec: ClusterSpec): Promise<boolean> {
  const found = await node(spec.name);
  if (!found) return false;
  const record = await readRecord(spec);
  if (record?.container === "") return await removeHalfMade(spec);
  if (!found.running) await run("docker", ["start", found.container], { quiet: true });
  const recorded = record?.container === found.container;
  const said = await nodeReady(found.container, recorded ? 180_000 : 30_000);
  if (said === undefined) return true;
  if (recorded) throw errors.KIND_START_FAILED({ name: spec.name, said });
  return await removeHalfMade(spec);
}

async function removeHalfMade(spec: ClusterSpec): Promise<false> {
  process.stderr.write(`cluster ${spec.name} is half made; it is removed and made anew\n`);
  await down(spec);
  return false;
}

/** Waits until the node is Ready; returns what was said last if it does not become so in time. */
async function nodeReady(container: string, timeoutMs: number): Promise<string | undefined> {
  const kubectl = ["exec", container, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const outcome = await run(
      "docker",
      [...kubectl, "wait", "--for=condition=Ready", "node", "--all", "--timeout=10s"],
      {
        quiet: true,
      },
    );
    if (outcome.ok) return undefined;
    if (Date.now() > deadline) return outcome.said;
    await pause(1_000);
  }
}

async function kubeconfig(name: string): Promise<string> {
  const outcome = await run("kind", ["get", "kubeconfig", "--name", name], { quiet: true });
  if (!outcome.ok) throw errors.KIND_START_FAILED({ name, said: outcome.said });
  return outcome.stdout;
}

/** The cluster's node, if there is one. */
async function node(cluster: string): Promise<{ container: string; running: boolean } | undefined> {
  const outcome = await run(
    "docker",
    ["inspect", "--type", "container", "--format", "{{.Id}} {{.State.Running}}", `${cluster}-control-plane`],
    { quiet: true },
  );
  if (!outcome.ok) return undefined;
  const [container = "", running] = outcome.stdout.trim().split(" ");
  return { container, running: running === "true" };
}

async function dockerAnswers(): Promise<void> {
  const outcome = await run("docker", ["version", "--format", "{{.Server.Version}}"], { quiet: true });
  if (!outcome.ok) throw errors.KIND_DOCKER_SILENT({ said: outcome.said });
}

/** kind would say so as well, but late, and in Docker's words. */
async function portIsFree(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = createServer();
  server.once("error", error => reject(errors.KIND_PORT_TAKEN({ port, why: error.message })));
  server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve()));
  await promise;
}

async function readRecord(spec: Pick<ClusterSpec, "stateDir">): Promise<ClusterRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordPath(spec), "utf8")) as ClusterRecord;
  } catch {
    return undefined;
  }
}
