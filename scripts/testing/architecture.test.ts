/** The lint rules that keep the rooms apart: a rule that does not bite looks just like one that nobody breaks. */
import { execFileSync, type SpawnSyncReturns } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../paths.ts";

const forbidden: readonly [file: string, imports: string][] = [
  ["lib/a.ts", "../controller/kube/client.ts"],
  ["controller/kube/a.ts", "../release/facts.ts"],
  ["controller/flight/a.ts", "../kube/client.ts"],
  ["controller/modules/a.ts", "../kube/client.ts"],
  ["controller/flight/b.ts", "../modules/store.ts"],
  ["controller/airway/a.ts", "../dynamic/tracker.ts"],
  ["controller/release/a.ts", "../reconcile/apply.ts"],
  ["controller/dynamic/a.ts", "../flight/sandbox.ts"],
  ["controller/admission/a.ts", "../reconcile/dryRun.ts"],
  ["controller/observe/a.ts", "../release/facts.ts"],
  ["controller/reconcile/a.ts", "@pulumi/pulumi"],
  ["controller/reconcile/b.ts", "../../local/cluster.ts"],
  ["controller/reconcile/d.ts", "../cli/program.ts"],
  ["controller/admission/c.ts", "../cli/program.ts"],
  ["controller/a.ts", "../infra/rights.ts"],
  ["controller/cli/a.ts", "../main.ts"],
  ["flights/backend/a.ts", "../../controller/kube/client.ts"],
  ["local/a.ts", "../controller/main.ts"],
  ["infra/a.ts", "../controller/main.ts"],
];
const allowed: readonly [file: string, imports: string][] = [
  ["controller/modules/b.ts", "../flight/loader.ts"],
  ["controller/release/b.ts", "../kube/object.ts"],
  ["controller/admission/b.ts", "../release/fields.ts"],
  ["controller/reconcile/c.ts", "../release/facts.ts"],
  ["controller/cli/b.ts", "../reconcile/render.ts"],
  ["controller/b.ts", "./cli/program.ts"],
  ["infra/b.ts", "../local/services.ts"],
];

describe("the architecture rules", () => {
  const folder = mkdtempSync(join(tmpdir(), "dynamic-mode-rules-"));
  let report = "";

  beforeAll(() => {
    const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as Record<string, unknown>;
    writeFileSync(join(folder, "biome.json"), JSON.stringify({ ...config, $schema: undefined, vcs: undefined }));
    for (const [file, imports] of [...forbidden, ...allowed]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `export { it } from "${imports}";\n`);
    }
    const only = "--only=style/noRestrictedImports";
    try {
      // Ours, whatever else is on PATH.
      const env = { ...process.env, PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter) };
      const options = { cwd: folder, env, encoding: "utf8" as const, stdio: "pipe" as const };
      const args = ["lint", "--colors=off", "--max-diagnostics=100", only, "."];
      execFileSync("biome", args, options);
    } catch (error) {
      const { stdout, stderr } = error as SpawnSyncReturns<string>;
      report = `${stdout}${stderr}`;
    }
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(forbidden)("forbid %s to import %s", file => {
    expect(report).toContain(`${file}:1:`);
  });

  it.each(allowed)("let %s import %s", file => {
    expect(report).not.toContain(`${file}:1:`);
  });
});
