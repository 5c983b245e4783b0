/** What the tests see of the machine: Docker's containers, the cluster's pods, and what stands in the pods' environment. */
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A program's stdout. What it said goes into the error when it fails. */
async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(program, args, { maxBuffer: 64 * 2 ** 20 });
  return stdout.trim();
}

/** @throws with what is missing and what the machine said, so that nobody takes skipped tests for passed ones. */
export async function requireDockerAndKind(): Promise<void> {
  for (const [tool, ...args] of [
    ["docker", "version"],
    ["kind", "version"],
  ] as const) {
    await output(tool, ...args).catch(cause => {
      throw new Error(`the tests on kind need ${tool}, but \`${tool} ${args.join(" ")}\` failed`, { cause });
    });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise(done => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface Pod {
  readonly name: string;
  readonly uid: string;
}

/** A kind cluster of one node. Its node has kubectl, so this machine needs none. */
export class KindCluster {
  readonly #node: string;

  constructor(name: string) {
    this.#node = `${name}-control-plane`;
  }

  /** Ids of its containers, running or not. */
  async containers(): Promise<string[]> {
    const ids = await output("docker", "ps", "--all", "--quiet", "--filter", `name=^${this.#node}$`);
    return ids.split("\n").filter(Boolean);
  }

  async stop(): Promise<void> {
    await output("docker", "stop", this.#node);
  }

  async remove(): Promise<void> {
    await output("docker", "rm", "--force", "--volumes", this.#node);
  }

  kubectl(...args: string[]): Promise<string> {
    return output("docker", "exec", this.#node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", ...args);
  }

  /** Pods with the label that are not on their way out. */
  async pods(label: string): Promise<Pod[]> {
    const { items } = JSON.parse(await this.kubectl("get", "pods", "--selector", label, "--output", "json")) as {
      items: { metadata: Pod & { deletionTimestamp?: string } }[];
    };
    return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata);
  }

  /** An environment variable as the processes of a pod have it. */
  environment(pod: Pod, variable: string): Promise<string> {
    return this.kubectl("exec", pod.name, "--", "printenv", variable);
  }

  /** Whether a ServiceAccount, as `namespace:name`, may do something: `list secrets --all-namespaces`. */
  async mayI(account: string, ...what: string[]): Promise<boolean> {
    const asked = ["auth", "can-i", ...what, `--as=system:serviceaccount:${account}`];
    // It answers `no` with exit code 1.
    return (await this.kubectl(...asked).catch((error: { stdout: string }) => error.stdout.trim())) === "yes";
  }
}
