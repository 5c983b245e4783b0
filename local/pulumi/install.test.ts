import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { pulumiEnvironment, standInHome } from "./environment.ts";
import { installPlugins, needsStandIns } from "./install.ts";

const STAND_INS = [
  "pulumi-language-nodejs",
  "pulumi-resource-command",
  "pulumi-resource-kubernetes",
  "pulumi-resource-vault",
];

function executable(path: string, text = "#!/bin/sh\n"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

function machine(): { root: string; binDir: string; pulumiHome: string; environment: Record<string, string> } {
  const root = mkdtempSync(join(tmpdir(), "plugins-"));
  const binDir = join(root, ".tools", "bin");
  const environment = { PATH: binDir, PULUMI_HOME: join(root, "official") };
  return { root, binDir, pulumiHome: join(root, "home"), environment };
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(`node_modules/@pulumi/${name}/package.json`, "utf8")).version;

describe("on a machine without Pulumi's distribution", () => {
  it("every stand-in is where the engine looks, under the npm package's version", () => {
    const { binDir, pulumiHome, environment } = machine();
    expect(installPlugins({ pulumiHome, binDir, environment })).toEqual(STAND_INS);
    expect(readdirSync(join(pulumiHome, "plugins")).toSorted()).toEqual(
      ["command", "kubernetes", "vault"].map(name => `resource-${name}-v${versionOf(name)}`),
    );
    const wrapper = join(pulumiHome, "plugins", `resource-vault-v${versionOf("vault")}`, "pulumi-resource-vault");
    expect(() => execFileSync("sh", ["-n", wrapper])).not.toThrow();
    expect(readFileSync(wrapper, "utf8")).toContain(process.execPath);
  });

  it("a second installation changes nothing, and does not take the first for the official one", () => {
    const { binDir, pulumiHome, environment } = machine();
    installPlugins({ pulumiHome, binDir, environment });
    const host = join(binDir, "pulumi-language-nodejs");
    const before = lstatSync(host).mtimeMs;
    expect(installPlugins({ pulumiHome, binDir, environment })).toEqual(STAND_INS);
    expect(lstatSync(host).mtimeMs).toBe(before);
  });

  it("an official provider of the right version is used instead", () => {
    const { binDir, pulumiHome, environment } = machine();
    installPlugins({ pulumiHome, binDir, environment });
    const folder = `resource-vault-v${versionOf("vault")}`;
    executable(join(environment.PULUMI_HOME ?? "", "plugins", folder, "pulumi-resource-vault"), "official");
    expect(installPlugins({ pulumiHome, binDir, environment })).not.toContain("pulumi-resource-vault");
    expect(readFileSync(join(pulumiHome, "plugins", folder, "pulumi-resource-vault"), "utf8")).toBe("official");
  });

  it("the environment names a home of our own and no download", () => {
    const { root, environment } = machine();
    const stateDir = join(root, ".state");
    expect(pulumiEnvironment({ root, stateDir, environment })).toMatchObject({
      PULUMI_HOME: standInHome(stateDir),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_CONFIG_PASSPHRASE: "",
    });
  });
});

describe("with Pulumi's distribution", () => {
  it("nothing is installed and the home stays the user's", () => {
    const { root, binDir, pulumiHome, environment } = machine();
    executable(join(binDir, "pulumi-language-nodejs"));
    expect(installPlugins({ pulumiHome, binDir, environment })).toEqual([]);
    const given = pulumiEnvironment({ root, stateDir: join(root, ".state"), environment });
    expect(given.PULUMI_HOME).toBeUndefined();
    expect(given.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION).toBeUndefined();
  });

  it("but downloads switched off, the missing providers are", () => {
    const { binDir, pulumiHome, environment } = machine();
    executable(join(binDir, "pulumi-language-nodejs"));
    executable(join(binDir, "pulumi-resource-command"));
    const offline = { ...environment, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" };
    expect(needsStandIns(offline)).toBe(true);
    expect(installPlugins({ pulumiHome, binDir, environment: offline })).toEqual([
      "pulumi-resource-kubernetes",
      "pulumi-resource-vault",
    ]);
  });
});

it("keeps the passphrase and the backend that the user has chosen", () => {
  const { root, environment } = machine();
  const stateDir = join(root, ".state");
  const own = { ...environment, PULUMI_CONFIG_PASSPHRASE: "own", PULUMI_BACKEND_URL: "file:///elsewhere" };
  const given = pulumiEnvironment({ root, stateDir, environment: own });
  expect(given).toMatchObject({ PULUMI_CONFIG_PASSPHRASE: "own", PULUMI_BACKEND_URL: "file:///elsewhere" });
  const file = { ...environment, PULUMI_CONFIG_PASSPHRASE_FILE: "/a/file" };
  expect(pulumiEnvironment({ root, stateDir, environment: file }).PULUMI_CONFIG_PASSPHRASE).toBeUndefined();
});
