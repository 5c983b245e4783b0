/**
 * The main job as a user does it: the project's own commands, the real engine, Vault, External Secrets and controller,
 * on a stack of its own so that a running demo is left alone.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { findProcesses, portOwner } from "../../local/processes.ts";
import { clientOf } from "../../scripts/cluster.ts";
import { eventually } from "./support/eventually.ts";
import { TemporaryStack } from "./support/stack.ts";

const root = resolve(import.meta.dirname, "../..");
const stack = new TemporaryStack("main-job");
const firstSecret = "a first secret value";
const secondSecret = "a second secret value";

/** Every file of the stack's state as text: what must never hold a secret in the clear. */
function stateFiles(): string {
  const folder = join(root, ".state/pulumi/.pulumi");
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return names
    .filter(entry => entry.isFile() && entry.name.includes(stack.name))
    .map(entry => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

const isOurs = (command: string) => command.includes(stack.state);

describe("the main job", () => {
  beforeAll(() => stack.begin());

  afterAll(() => stack.end());

  it("comes up with one command, and the Backend is Ready", async () => {
    const output = await stack.succeed("start");
    expect(output).toMatch(/created +Backend nginx/);
    expect(output).toContain("default/nginx, Ready");
  });

  it("changes nothing when it is started again", async () => {
    expect(await stack.succeed("start")).toContain("Nothing had to change.");
  });

  it("has a controller with an account of its own, whose webhooks refuse what cannot work", async () => {
    const status = await stack.succeed("status");
    expect(status).toMatch(/leader +ok/);
    expect(status).toMatch(/webhooks +ok/);
    const client = clientOf(join(stack.state, "kubeconfig.yaml"));
    onTestFinished(() => client.transport.close());
    const bad: KubeObject = {
      apiVersion: "examples.com/v1",
      kind: "Backend",
      metadata: { name: "bad", namespace: "default" },
      spec: { secret: { env: "NOT=A_NAME" } },
    };
    await expect(client.create(bad, { fieldManager: "e2e" })).rejects.toThrow(
      /webhook "backends\.examples\.com" denied.*env\[0\].name/s,
    );
    const log = readFileSync(join(stack.state, "logs/controller.log"), "utf8");
    expect(log).toContain("system:serviceaccount:atc:atc");
    expect(log).not.toContain("forbidden");
  });

  it("rolls the Deployment when the secret changes, and shows the whole chain", async () => {
    const output = await stack.succeed("secret", firstSecret);
    expect(output).toMatch(/updated +SecretV2 demo/);
    const links = ["Vault version written", "Secret changed", "Deployment patched", "  rendered  ", "rollout complete"];
    for (const link of links) expect(output).toContain(link);
    expect(output).toMatch(/Secret default\/nginx updated \(resourceVersion \d+\) → Deployment default\/nginx/);
  });

  it("shows a changed secret in the preview, and does not carry it out", async () => {
    await stack.succeed("pulumi", "config", "set", "--secret", "secret", secondSecret);
    const preview = await stack.succeed("pulumi", "preview", "--non-interactive");
    expect(preview).toMatch(/SecretV2.*update/s);
    expect(preview).not.toContain(secondSecret);
    expect(await stack.succeed("pulumi", "preview", "--non-interactive")).toMatch(/1 to update/);
  });

  it("carries it out, and keeps every value encrypted", async () => {
    await stack.succeed("pulumi", "up", "--yes", "--skip-preview", "--non-interactive");
    const stored = stateFiles();
    expect(stored.length).toBeGreaterThan(1000);
    for (const value of [firstSecret, secondSecret, "client-key-data", "BEGIN RSA", "BEGIN EC"]) {
      expect(stored).not.toContain(value);
      expect(stored).not.toContain(Buffer.from(value).toString("base64"));
    }
  });

  it("finds nothing to refresh in a system that is as it was made", async () => {
    const output = await stack.succeed("pulumi", "refresh", "--yes", "--non-interactive");
    expect(output).not.toMatch(/to (update|delete)|updated|deleted/);
  });

  it("repairs what was killed", async () => {
    const address = await stack.succeed("pulumi", "stack", "output", "vaultAddress");
    const owner = portOwner(Number(new URL(address.trim()).port)) ?? "";
    const pid = Number(/^vault \((\d+)\)$/.exec(owner)?.[1]);
    expect(pid, owner).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
    await stack.succeed("start");
    const output = await stack.succeed("secret", firstSecret);
    expect(output).toContain("rollout complete");
  });

  it("refuses values that cannot be right, and changes nothing", async () => {
    const empty = await stack.run("secret", "");
    expect(empty.code).not.toBe(0);
    expect(empty.output).toMatch(/secret/);
    await stack.succeed("pulumi", "config", "set", "replicas", "--", "-1");
    const negative = await stack.run("start");
    expect(negative.code).not.toBe(0);
    expect(negative.output).toMatch(/replicas/);
    await stack.succeed("pulumi", "config", "rm", "replicas");
    expect(await stack.succeed("start")).toContain("Nothing had to change.");
  });

  it("is gone after destroy: no process and no state of it is left", async () => {
    expect(findProcesses(isOurs).length).toBeGreaterThan(0);
    await stack.succeed("destroy");
    await eventually("all processes have ended", () => {
      const left = findProcesses(isOurs).map(({ command }) => command);
      if (left.length > 0) throw new Error(left.join("\n"));
    });
    expect(existsSync(join(stack.state, "kwok", "clusters"))).toBe(false);
  });
});
