/**
 * The main job as a user does it: the project's own commands, the real engine, Vault, External Secrets and controller,
 * on a stack of its own so that a running demo is left alone.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProcesses, portOwner } from "../../local/processes.ts";
import { eventually } from "./support/eventually.ts";

const root = resolve(import.meta.dirname, "../..");
const stack = "main-job";
const file = join(root, `Pulumi.${stack}.yaml`);
const state = join(root, ".state", stack);
const firstSecret = "a first secret value";
const secondSecret = "a second secret value";

const config = `config:
  dynamic-mode:substrate: local
  dynamic-mode:clusterName: ${stack}
  dynamic-mode:vaultPort: 0
`;

interface Result {
  readonly code: number;
  readonly output: string;
}

function npmTask(task: string, ...args: string[]): Promise<Result> {
  const script = join(root, "scripts", `${task}.ts`);
  const options = { cwd: root, env: { ...process.env, PULUMI_STACK: stack }, maxBuffer: 64 * 2 ** 20 };
  return new Promise(done => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      done({ code, output: `${stdout}${stderr}` });
    });
  });
}

async function succeed(task: string, ...args: string[]): Promise<string> {
  const { code, output } = await npmTask(task, ...args);
  expect(code, output).toBe(0);
  return output;
}

function pulumi(...args: string[]): Promise<string> {
  return succeed("pulumi", ...args);
}

/** Every file of the stack's state as text: what must never hold a secret in the clear. */
function stateFiles(): string {
  const folder = join(root, ".state/pulumi/.pulumi");
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return names
    .filter(entry => entry.isFile() && entry.name.includes(stack))
    .map(entry => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

const isOurs = (command: string) => command.includes(state);

describe("the main job", () => {
  beforeAll(async () => {
    writeFileSync(file, config);
    await npmTask("destroy", "--stack", stack);
  });

  afterAll(async () => {
    await npmTask("destroy", "--stack", stack);
    rmSync(file, { force: true });
  });

  it("comes up with one command, and the Backend is Ready", async () => {
    const output = await succeed("start", "--stack", stack);
    expect(output).toMatch(/created +Backend nginx/);
    expect(output).toContain("default/nginx, Ready");
  });

  it("changes nothing when it is started again", async () => {
    expect(await succeed("start", "--stack", stack)).toContain("Nothing had to change.");
  });

  it("rolls the Deployment when the secret changes, and shows the whole chain", async () => {
    const output = await succeed("secret", firstSecret, "--stack", stack);
    expect(output).toMatch(/updated +SecretV2 demo/);
    const links = [
      "Vault version written",
      "Secret changed",
      "Deployment patched",
      "render recorded",
      "rollout complete",
    ];
    for (const link of links) expect(output).toContain(link);
    expect(output).toMatch(/Secret default\/nginx updated \(resourceVersion \d+\) → Deployment default\/nginx/);
  });

  it("shows a changed secret in the preview, and does not carry it out", async () => {
    await pulumi("config", "set", "--stack", stack, "--secret", "secret", secondSecret);
    const preview = await pulumi("preview", "--stack", stack, "--non-interactive");
    expect(preview).toMatch(/SecretV2.*update/s);
    expect(preview).not.toContain(secondSecret);
    expect(await pulumi("preview", "--stack", stack, "--non-interactive")).toMatch(/1 to update/);
  });

  it("carries it out, and keeps every value encrypted", async () => {
    await pulumi("up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive");
    const stored = stateFiles();
    expect(stored.length).toBeGreaterThan(1000);
    for (const value of [firstSecret, secondSecret, "client-key-data", "BEGIN RSA", "BEGIN EC"]) {
      expect(stored).not.toContain(value);
      expect(stored).not.toContain(Buffer.from(value).toString("base64"));
    }
  });

  it("finds nothing to refresh in a system that is as it was made", async () => {
    const output = await pulumi("refresh", "--stack", stack, "--yes", "--non-interactive");
    expect(output).not.toMatch(/to (update|delete)|updated|deleted/);
  });

  it("repairs what was killed", async () => {
    const address = await pulumi("stack", "output", "vaultAddress", "--stack", stack);
    const owner = portOwner(Number(new URL(address.trim()).port)) ?? "";
    const pid = Number(/^vault \((\d+)\)$/.exec(owner)?.[1]);
    expect(pid, owner).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
    await succeed("start", "--stack", stack);
    const output = await succeed("secret", firstSecret, "--stack", stack);
    expect(output).toContain("rollout complete");
  });

  it("refuses values that cannot be right, and changes nothing", async () => {
    const empty = await npmTask("secret", "", "--stack", stack);
    expect(empty.code).not.toBe(0);
    expect(empty.output).toMatch(/secret/);
    await pulumi("config", "set", "--stack", stack, "replicas", "--", "-1");
    const negative = await npmTask("start", "--stack", stack);
    expect(negative.code).not.toBe(0);
    expect(negative.output).toMatch(/replicas/);
    await pulumi("config", "rm", "--stack", stack, "replicas");
    expect(await succeed("start", "--stack", stack)).toContain("Nothing had to change.");
  });

  it("is gone after destroy: no process and no state of it is left", async () => {
    expect(findProcesses(isOurs).length).toBeGreaterThan(0);
    await succeed("destroy", "--stack", stack);
    await eventually("all processes have ended", () => {
      const left = findProcesses(isOurs).map(({ command }) => command);
      if (left.length > 0) throw new Error(left.join("\n"));
    });
    expect(existsSync(join(state, "kwok", "clusters"))).toBe(false);
  });
});
