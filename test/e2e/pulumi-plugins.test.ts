/** The Pulumi stand-ins under the real engine, with a real API server and a real Vault. One stack, from birth to death. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freePort } from "../../local/ports.ts";
import { pulumiEnvironment, standInHome } from "../../local/pulumi/environment.ts";
import { installPlugins } from "../../local/pulumi/install.ts";
import { clusterAccess } from "../../local/pulumi/kubeconfig.ts";
import { createKubernetesClient, type ObjectAddress } from "../../local/pulumi/kubernetes-client.ts";
import type { Properties } from "../../local/pulumi/wire.ts";
import { eventually } from "./support/eventually.ts";

const root = resolve(import.meta.dirname, "../..");
const token = "e2e-vault-root-token";
const namespace = `plugins-${process.pid}`;
const { signal } = new AbortController();

// Below the repository, so that the program finds its packages.
mkdirSync(join(root, ".state"), { recursive: true });
const folder = mkdtempSync(join(root, ".state", "e2e-plugins-"));
const log = join(folder, "log");
const program = join(folder, "program");
const stateDir = join(folder, "state");
cpSync(join(import.meta.dirname, "programs/plugins"), program, { recursive: true });

/** What the program reads. */
const world: Record<string, string> = {
  TEST_SECRET: "f1rst-value",
  TEST_LOG: log,
  TEST_TRIGGER: "1",
  TEST_COLOR: "red",
  TEST_NAMESPACE: namespace,
  TEST_WAIT: "jsonpath={.data.phase}=Ready",
  TEST_VAULT_TOKEN: token,
};

interface Run {
  readonly code: number;
  readonly output: string;
}

const environment = () => ({ ...process.env, ...pulumiEnvironment({ root, stateDir }), ...world });

async function pulumi(...args: string[]): Promise<Run> {
  const child = spawn("pulumi", [...args, "--non-interactive"], { cwd: program, env: environment() });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number>(done => child.once("close", code => done(code ?? 1)));
  return { code, output };
}

/** How many resources an operation changed, by kind of step; all but what stayed the same. */
async function changes(command: "up" | "refresh" | "destroy"): Promise<Record<string, number>> {
  const { code, output } = await pulumi(command, "--yes", "--skip-preview", "--json");
  expect(code, output).toBe(0);
  const line = output.split("\n").find(text => text.includes('"summaryEvent"')) ?? "{}";
  const { same: _, ...changed } = JSON.parse(line).summaryEvent.resourceChanges;
  return changed;
}

/** What Pulumi has stored of the stack. */
const stored = (): string => readFileSync(join(stateDir, "pulumi/.pulumi/stacks/plugins/e2e.json"), "utf8");

function outputs(): Record<string, unknown> {
  const { resources } = JSON.parse(stored()).checkpoint.latest;
  return resources.find((resource: { type: string }) => resource.type === "pulumi:pulumi:Stack").outputs;
}

const kubernetes = createKubernetesClient(clusterAccess({ kubeconfig: inject("kubeconfig") }));

async function address(kind: string, name: string): Promise<ObjectAddress> {
  const type = await kubernetes.find("v1", kind, signal);
  if (type === undefined) throw new Error(`no kind ${kind}`);
  return { type, namespace, name };
}

const live = async (kind: string, name: string): Promise<Properties | undefined> =>
  kubernetes.get(await address(kind, name), signal);

async function vaultData(): Promise<unknown> {
  const response = await fetch(`${world["TEST_VAULT"]}/v1/secret/data/demo`, { headers: { "x-vault-token": token } });
  const body = (await response.json()) as { data?: { data?: unknown } };
  return response.status === 200 ? body.data?.data : undefined;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** No secret of the program, in any spelling, is in what Pulumi has stored. */
function expectNothingReadable(): void {
  const clientKey = /client-key-data: (\S{20})/.exec(readFileSync(inject("kubeconfig"), "utf8"))?.[1];
  const words = ["f1rst-value", "s3cond-value", token, ...(clientKey ? [clientKey] : ["client-key"])];
  for (const word of words.flatMap(text => [text, base64(text)])) expect(stored()).not.toContain(word);
  expect(stored()).toContain("ciphertext");
}

let vaultServer: ReturnType<typeof spawn> | undefined;

beforeAll(async () => {
  installPlugins({ pulumiHome: standInHome(stateDir), binDir: join(root, ".tools", "bin") });
  const listen = `127.0.0.1:${await freePort(new Set())}`;
  world["TEST_VAULT"] = `http://${listen}`;
  world["TEST_KUBECONFIG"] = resolve(inject("kubeconfig"));
  const args = ["server", "-dev", `-dev-root-token-id=${token}`, `-dev-listen-address=${listen}`];
  vaultServer = spawn(join(root, ".tools/bin/vault"), args, { stdio: "ignore", env: { ...process.env, HOME: folder } });
  await eventually("Vault answers", async () => {
    const { status } = await fetch(`${world["TEST_VAULT"]}/v1/sys/health`);
    if (status !== 200) throw new Error(`status ${status}`);
  });
  expect(await pulumi("stack", "init", "e2e")).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await pulumi("destroy", "--yes", "--skip-preview");
  vaultServer?.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
});

describe("a stack on the stand-ins", () => {
  it("is previewed without touching anything", async () => {
    const { code, output } = await pulumi("preview", "--json");
    expect(code, output).toBe(0);
    expect(JSON.parse(output).changeSummary).toEqual({ create: 10 });
    expect(existsSync(log)).toBe(false);
    expect(await live("Namespace", namespace)).toBeUndefined();
    expect(await vaultData()).toBeUndefined();
  });

  it("comes up, with its secrets readable for nobody", async () => {
    expect(await changes("up")).toEqual({ create: 10 });
    expect((await live("Secret", "secret"))?.data).toEqual({ hello: base64("f1rst-value") });
    expect(await vaultData()).toEqual({ hello: "f1rst-value" });
    expect(outputs()).toMatchObject({ said: { ciphertext: expect.any(String) }, version: "1" });
    expectNothingReadable();
  });

  it("does nothing when nothing changed, and a refresh finds nothing", async () => {
    expect(await changes("up")).toEqual({});
    expect(await changes("refresh")).toEqual({});
    expect(readFileSync(log, "utf8")).toBe("created f1rst-value\n");
  });

  it("takes a new secret in place and shows it to nobody", async () => {
    const uid = (await live("Secret", "secret"))?.metadata;
    world["TEST_SECRET"] = "s3cond-value";
    const { output } = await pulumi("up", "--yes", "--skip-preview", "--diff");
    expect(output).toContain("~ 3 updated");
    expect(output).not.toMatch(/f1rst-value|s3cond-value/);
    expect(await live("Secret", "secret")).toMatchObject({
      metadata: { uid: (uid as Properties)["uid"] },
      data: { hello: base64("s3cond-value") },
    });
    expect(await vaultData()).toEqual({ hello: "s3cond-value" });
    expect(outputs()).toMatchObject({ version: "2" });
    expectNothingReadable();
  });

  it("replaces what cannot change: a trigger's command, a ConfigMap under a new name", async () => {
    const before = String(outputs()["settingsName"]);
    world["TEST_TRIGGER"] = "2";
    world["TEST_COLOR"] = "blue";
    expect(await changes("up")).toEqual({ replace: 2 });
    expect(readFileSync(log, "utf8")).toMatch(/created s3cond-value\ndeleted\n$/);
    const after = String(outputs()["settingsName"]);
    expect(after).not.toBe(before);
    expect((await live("ConfigMap", after))?.data).toEqual({ color: "blue" });
    expect(await live("ConfigMap", before)).toBeUndefined();
  });

  it("learns from a refresh what others changed or deleted, and puts it back", async () => {
    const data = { hello: base64("drifted") };
    const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "secret", namespace }, data };
    const options = { fieldManager: "kubectl-edit", force: true, dryRun: false };
    await kubernetes.apply(await address("Secret", "secret"), object, options, signal);
    await fetch(`${world["TEST_VAULT"]}/v1/secret/metadata/demo`, {
      method: "DELETE",
      headers: { "x-vault-token": token },
    });
    expect(await changes("refresh")).toEqual({ update: 1, delete: 1 });
    expect(await changes("up")).toEqual({ update: 1, create: 1 });
    expect((await live("Secret", "secret"))?.data).toEqual({ hello: base64("s3cond-value") });
    expect(await vaultData()).toEqual({ hello: "s3cond-value" });
  });

  it("keeps an object that did not become ready in time, and heals it", async () => {
    world["TEST_WAIT"] = "jsonpath={.data.phase}=Never";
    const { code, output } = await pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toContain(`ConfigMap ${namespace}/slow exists but is not ready: .data.phase is Ready`);
    expect(stored()).toContain("initErrors");
    world["TEST_WAIT"] = "jsonpath={.data.phase}";
    expect(await changes("up")).toEqual({ update: 1 });
    expect(stored()).not.toContain("initErrors");
  });

  it("is destroyed, but for an object of the same name that is not its own", async () => {
    const slow = await address("ConfigMap", "slow");
    await kubernetes.remove(slow, { propagation: "Background" }, signal);
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "slow", namespace }, data: {} };
    await kubernetes.apply(slow, object, { fieldManager: "somebody", force: false, dryRun: false }, signal);
    const deleted = pulumi("destroy", "--yes", "--skip-preview", "--target", "**slow");
    expect(await deleted).toMatchObject({ code: 0 });
    expect((await live("ConfigMap", "slow"))?.data).toBeUndefined();
    expect(await live("ConfigMap", "slow")).toBeDefined();

    expect(await changes("destroy")).toEqual({ delete: 9 });
    expect(await vaultData()).toBeUndefined();
    expect(await live("Namespace", namespace)).toBeUndefined();
  });
});
