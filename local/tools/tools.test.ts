import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { catalog, embeddedTools, recipeOf, type ToolName } from "./catalog.ts";
import { binaryOf, findTool, stampOf } from "./find.ts";
import type { ToolEvent } from "./progress.ts";
import { moduleDir, recipeHash } from "./recipe.ts";
import { ensureTools, nextToBuild } from "./tools.ts";

const newDir = () => mkdtempSync(join(tmpdir(), "tools-"));

function script(file: string, body: string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A tool as if built here earlier. */
function built(toolsDir: string, name: ToolName): string {
  mkdirSync(dirname(stampOf(toolsDir, name)), { recursive: true });
  writeFileSync(stampOf(toolsDir, name), recipeHash(recipeOf(name)));
  return script(binaryOf(toolsDir, name), "exit 0");
}

/** Replaces PATH of this process, which is where `go` is looked for. */
function withPath(...dirs: string[]): void {
  const before = process.env["PATH"];
  process.env["PATH"] = dirs.join(delimiter);
  onTestFinished(() => {
    process.env["PATH"] = before;
  });
}

describe("the catalog", () => {
  it.each(Object.keys(catalog) as ToolName[])("pins what %s is built from", name => {
    const recipe = recipeOf(name);
    const goMod = readFileSync(join(moduleDir(recipe), "go.mod"), "utf8");
    expect(goMod).toContain(`v${recipe.version}`);
    expect(existsSync(join(moduleDir(recipe), "go.sum"))).toBe(true);
  });
});

describe("finding a tool", () => {
  it("prefers KUBEBUILDER_ASSETS to PATH, and PATH to what was built here", async () => {
    const [toolsDir, path, assets] = [newDir(), newDir(), newDir()];
    const find = async () => (await findTool("etcd", recipeOf("etcd"), { toolsDir, path, assets })).found;
    expect(await find()).toBeUndefined();
    built(toolsDir, "etcd");
    expect(await find()).toMatchObject({ origin: "built", version: catalog.etcd.version });
    script(join(path, "etcd"), "echo etcd Version: 3.5.21");
    expect(await find()).toMatchObject({ origin: "path", version: "3.5.21", path: join(path, "etcd") });
    script(join(assets, "etcd"), "echo etcd Version: 3.6.0");
    expect(await find()).toMatchObject({ origin: "assets", version: "3.6.0" });
  });

  it("refuses another version and one that fails, and says so", async () => {
    const [toolsDir, path, assets] = [newDir(), newDir(), newDir()];
    const [old, broken] = [join(assets, "etcd"), join(path, "etcd")];
    script(old, "echo etcd Version: 3.4.1");
    script(broken, "echo etcd Version: 3.6.0; exit 1");
    const { found, refused } = await findTool("etcd", recipeOf("etcd"), { toolsDir, path, assets });
    expect(found).toBeUndefined();
    expect(refused).toEqual([
      { path: old, said: "3.4.1" },
      { path: broken, said: "no version" },
    ]);
  });

  it("does not take what was built here for the user's, nor what another recipe built", async () => {
    const toolsDir = newDir();
    const path = built(toolsDir, "vault");
    const find = async () =>
      (await findTool("vault", recipeOf("vault"), { toolsDir, path: dirname(path), assets: undefined })).found;
    expect(await find()).toMatchObject({ origin: "built" });
    writeFileSync(stampOf(toolsDir, "vault"), "of yesterday");
    expect(await find()).toBeUndefined();
  });
});

describe("ensureTools", () => {
  const silent = { report: () => undefined };

  it("answers with what is there, without Go", async () => {
    const toolsDir = newDir();
    for (const name of embeddedTools) built(toolsDir, name);
    const tools = await Promise.all(Object.values(ensureTools(embeddedTools, { ...silent, toolsDir, env: {} })));
    expect(tools.map(({ name }) => name).sort()).toEqual([...embeddedTools].sort());
  });

  it("names all that is missing where there is no Go", async () => {
    withPath(newDir());
    const toolsDir = newDir();
    built(toolsDir, "etcd");
    const tools = ensureTools(["etcd", "vault", "kwok"], { ...silent, toolsDir, env: {} });
    await expect(tools.etcd).resolves.toMatchObject({ name: "etcd" });
    for (const missing of [tools.vault, tools.kwok]) {
      await expect(missing).rejects.toMatchObject({
        code: "TOOL_GO_MISSING",
        message: expect.stringContaining("kwok, vault"),
      });
    }
  });

  it("says why a Go is of no use", async () => {
    const bin = newDir();
    script(join(bin, "go"), "echo 'go: go.mod requires go >= 1.26.0 (running go 1.21; GOTOOLCHAIN=local)' >&2; exit 1");
    withPath(bin, "/bin", "/usr/bin");
    const { etcd } = ensureTools(["etcd"], { ...silent, toolsDir: newDir(), env: {} });
    await expect(etcd).rejects.toMatchObject({
      code: "TOOL_GO_UNUSABLE",
      message: expect.stringContaining("running go 1.21"),
    });
  });

  /** A `go` that writes the wanted output file, or does what `build` says. */
  const fakeGo = (build: string) => {
    const bin = newDir();
    script(
      join(bin, "go"),
      `[ "$1" = build ] || exit 0
       while [ "$1" != -o ]; do shift; done
       ${build}`,
    );
    withPath(bin, "/bin", "/usr/bin");
  };

  it("builds what is missing, in order, and reports each", async () => {
    fakeGo(`echo "$3" > "$2"`);
    const toolsDir = newDir();
    const events: ToolEvent[] = [];
    const tools = ensureTools(["kwok", "etcd"], { report: event => events.push(event), toolsDir, env: {} });
    expect(readFileSync((await tools.etcd).path, "utf8")).toBe("go.etcd.io/etcd/server/v3\n");
    expect(await tools.kwok).toMatchObject({ origin: "built" });
    expect(events.filter(({ kind }) => kind !== "running").map(({ kind }) => kind)).toEqual(["plan", "built", "built"]);
    expect(events[0]).toMatchObject({ names: ["etcd", "kwok"] });
    const again = ensureTools(["etcd"], { report: () => expect.unreachable("nothing to build"), toolsDir, env: {} });
    await expect(again.etcd).resolves.toMatchObject({ origin: "built" });
  });

  it("shows the end of the log of a failed build, and stops the rest", async () => {
    fakeGo(`echo half > "$2"; echo 'no required module provides package x' >&2; exit 1`);
    const toolsDir = newDir();
    const tools = ensureTools(["etcd", "vault"], { ...silent, toolsDir, env: {} });
    const expected = { code: "TOOL_BUILD_FAILED", message: expect.stringContaining("no required module provides") };
    await expect(tools.etcd).rejects.toMatchObject(expected);
    await expect(tools.vault).rejects.toMatchObject({ code: "TOOL_BUILD_FAILED" });
    expect(readdirSync(join(toolsDir, "bin"))).toEqual([]);
  });

  it("stops the compiler and all that it started, and leaves nothing half-written", async () => {
    const pidFile = join(newDir(), "pid");
    fakeGo(`echo half > "$2"; sleep 1000 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`);
    const toolsDir = newDir();
    const stop = new AbortController();
    const { etcd } = ensureTools(["etcd"], {
      report: () => existsSync(pidFile) && stop.abort(),
      toolsDir,
      env: {},
      signal: stop.signal,
    });
    await expect(etcd).rejects.toMatchObject({ code: "TOOL_BUILD_STOPPED" });
    expect(readdirSync(join(toolsDir, "bin"))).toEqual([]);
    const compiler = Number(readFileSync(pidFile, "utf8"));
    await expect.poll(() => isRunning(compiler)).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

it("never builds two tools of one module at once", () => {
  expect(nextToBuild(["kube-scheduler", "vault"], ["kube-apiserver"])).toBe("vault");
  expect(nextToBuild(["kube-scheduler"], ["kube-apiserver"])).toBeUndefined();
  expect(nextToBuild(["kube-scheduler", "vault"], [])).toBe("kube-scheduler");
});
