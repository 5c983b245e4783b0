/**
 * The kind stack for real: Docker, kind, Helm charts, pods. `npm run test:kind` needs Docker and kind, and fails when one
 * does not answer; `npm run tools -- kind` builds kind.
 *
 * Without further ado, images and charts come from the internet. KIND_TEST_CONFIG names a YAML file whose entries are
 * added to the stack's configuration, to take them from elsewhere:
 *
 *   nodeImage: mirror.example/kindest/node:v1.34.4
 *   baseImage: mirror.example/node:24.21.0-slim
 *   image: mirror.example/nginx:1.29
 *   vaultChart: oci://mirror.example/charts/vault            # or the path of a folder
 *   vaultImage: mirror.example/vault:2.0.4
 *   externalSecretsChart: /srv/charts/external-secrets
 *   externalSecretsImage: external-secrets:local
 *   loadImages: external-secrets:local                       # of this machine's Docker, into the node
 *
 * The stack has a name, a cluster and a port of its own, so a running demo is left alone.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { eventually } from "../e2e/support/eventually.ts";
import { freePort, KindCluster, type Pod, requireDockerAndKind } from "./machine.ts";

const root = resolve(import.meta.dirname, "../..");
const stack = "kind-test";
const stackFile = join(root, `Pulumi.${stack}.yaml`);
const stateFile = join(root, ".state/pulumi/.pulumi/stacks/dynamic-mode", `${stack}.json`);
const vaultToken = "kind-test-root-token";
const cluster = new KindCluster(stack);

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** Runs `npm run TASK` as a terminal does: in a process group of its own, which Ctrl-C reaches as a whole. */
function begin(task: string, ...args: string[]): { interrupt(): void; readonly ended: Promise<Run> } {
  const child = spawn(process.execPath, [join(root, "scripts", `${task}.ts`), ...args, "--stack", stack], {
    cwd: root,
    env: { ...process.env, PULUMI_STACK: stack },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<Run>(done => child.once("close", code => done({ code, output })));
  return { interrupt: () => process.kill(-(child.pid ?? 0), "SIGINT"), ended };
}

async function succeed(task: string, ...args: string[]): Promise<string> {
  const { code, output } = await begin(task, ...args).ended;
  expect(code, output).toBe(0);
  return output;
}

/** The Backend's pods, all of which have this value. */
function podsWith(value: string): Promise<Pod[]> {
  return eventually(`both pods have ${value} in their environment`, async () => {
    const pods = await cluster.pods("app=nginx");
    const values = await Promise.all(pods.map(pod => cluster.environment(pod, "DEMO")));
    expect(values).toEqual([value, value]);
    return pods;
  });
}

/** The pod that holds the Lease. */
async function leader(): Promise<string> {
  const holder = "jsonpath={.spec.holderIdentity}";
  const identity = await cluster.kubectl("get", "lease", "atc", "--namespace", "atc", "--output", holder);
  return identity.replace(/_[^_]*$/, "");
}

async function writeStackFile(): Promise<void> {
  const given = process.env["KIND_TEST_CONFIG"];
  const extra = given ? (parse(readFileSync(resolve(root, given), "utf8")) as Record<string, unknown>) : {};
  const config = { substrate: "kind", clusterName: stack, vaultPort: await freePort(), vaultToken, ...extra };
  const entries = Object.entries(config).map(([key, value]) => [`dynamic-mode:${key}`, value]);
  writeFileSync(stackFile, stringify({ config: Object.fromEntries(entries) }));
}

describe("the stack on kind", () => {
  beforeAll(async () => {
    await requireDockerAndKind();
    await writeStackFile();
    await begin("destroy").ended;
  });

  afterAll(async () => {
    if (existsSync(stackFile)) await begin("destroy").ended;
    rmSync(stackFile, { force: true });
  });

  it("ends at Ctrl-C in the middle of kind's work", async () => {
    const start = begin("start");
    await eventually("the node's container is there", async () => expect(await cluster.containers()).toHaveLength(1), {
      timeoutMs: 240_000,
    });
    start.interrupt();
    const { code, output } = await start.ended;
    expect(code, output).not.toBe(0);
    expect(output).toContain("INTERRUPTED");
  });

  it("comes up all the same, and its pods have the secret's value", async () => {
    const output = await succeed("start");
    expect(output).toMatch(/created +cluster/);
    expect(output).toContain("default/nginx, Ready");
    expect(output).toContain("port-forward service/atc");
    await podsWith("world");
  });

  it("changes nothing when it is started again", async () => {
    expect(await succeed("start")).toContain("Nothing had to change.");
  });

  it("replaces the pods by such with the new value when the secret changes", async () => {
    const before = await podsWith("world");
    const output = await succeed("secret", "hello pods");
    for (const link of ["Vault version written", "Secret changed", "Deployment patched", "rollout complete"])
      expect(output).toContain(link);
    const after = await podsWith("hello pods");
    for (const { uid } of before) expect(after.map(pod => pod.uid)).not.toContain(uid);
  });

  it("has two replicas, and webhooks that refuse what cannot work", async () => {
    const ready = "jsonpath={.status.readyReplicas}";
    expect(await cluster.kubectl("get", "deployment", "atc", "--namespace", "atc", "--output", ready)).toBe("2");
    const bad = JSON.stringify({ spec: { secret: { env: "NOT=A_NAME" } } });
    await expect(cluster.kubectl("patch", "backend", "nginx", "--type=merge", "--patch", bad)).rejects.toThrow(
      /webhook "backends\.examples\.com" denied/,
    );
    expect(await succeed("status")).toMatch(/replicas +2 of 2 ready\n +leader +atc-/);
  });

  it("goes on when the replica that leads is killed", async () => {
    const killed = await leader();
    await cluster.kubectl("delete", "pod", killed, "--namespace", "atc", "--grace-period=0", "--force");
    const output = await succeed("secret", "by the next leader");
    expect(output).toContain("rollout complete");
    await podsWith("by the next leader");
    expect(await leader()).not.toBe(killed);
    await succeed("secret", "hello pods");
  });

  it("stores no secret that can be read", () => {
    const state = readFileSync(stateFile, "utf8");
    expect(state).toContain("ciphertext");
    for (const text of [vaultToken, "hello pods", "client-key-data", "PRIVATE KEY"])
      for (const spelling of [text, Buffer.from(text).toString("base64")]) expect(state).not.toContain(spelling);
  });

  it("gives the controller no more rights than it needs", async () => {
    const may = (...what: string[]) => cluster.mayI("atc:atc", ...what);
    expect(await may("list", "secrets", "--namespace", "default")).toBe(true);
    expect(await may("patch", "customresourcedefinitions/backends.examples.com")).toBe(true);
    expect(await may("patch", "validatingwebhookconfigurations/atc-airway")).toBe(true);
    for (const [verb = "", ...rest] of [
      ["*", "*", "--all-namespaces"],
      ["list", "secrets", "--all-namespaces"],
      ["get", "secrets", "--namespace", "vault"],
      ["get", "secrets/other", "--namespace", "atc"],
      ["delete", "customresourcedefinitions/externalsecrets.external-secrets.io"],
      ["patch", "validatingwebhookconfigurations/of-somebody-else"],
      ["create", "clusterrolebindings"],
      ["create", "pods", "--namespace", "default"],
    ])
      expect(await may(verb, ...rest), [verb, ...rest].join(" ")).toBe(false);
  });

  it("runs the controller as nobody, on a file system that it cannot write to", async () => {
    const inController = (script: string) =>
      cluster.kubectl("exec", "--namespace", "atc", "deployment/atc", "--", "sh", "-c", script);
    expect(await inController("id -u")).toBe("65532");
    await expect(inController("echo x >/controller/x")).rejects.toThrow(/[Rr]ead-only file system/);
  });

  it("is started again where it stands still, and Vault gets back what it forgot", async () => {
    await cluster.stop();
    await succeed("start");
    await podsWith("hello pods");
    await succeed("secret", "after a reboot");
    await podsWith("after a reboot");
  });

  it("is made anew when somebody removed the cluster", async () => {
    await cluster.remove();
    await succeed("start");
    await podsWith("after a reboot");
  });

  it("is gone after destroy: no container is left", async () => {
    const output = await succeed("destroy");
    expect(output).toContain("Gone:");
    expect(await cluster.containers()).toEqual([]);
  });
});
