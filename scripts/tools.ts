/** What the scripts need before they can run: the tools, and Pulumi's plugins where its own are not there. */
import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { standInHome } from "../local/pulumi/environment.ts";
import { installPlugins, needsStandIns } from "../local/pulumi/install.ts";
import { clusterTools, serviceTools } from "../local/tools/catalog.ts";
import type { ReadyTool } from "../local/tools/find.ts";
import { progressPrinter, type ToolEvent } from "../local/tools/progress.ts";
import { ensureTools } from "../local/tools/tools.ts";
import { root } from "./paths.ts";
import { stateDir } from "./pulumiCli.ts";

/** The Pulumi engine, on PATH, with plugins; for charts also helm, which Pulumi's own plugin has built in. */
export async function installEngine({ charts = false } = {}): Promise<void> {
  await onPath(ensureTools(charts && needsStandIns() ? ["pulumi", "helm"] : ["pulumi"]));
  installEnginePlugins();
}

/**
 * All that the embedded substrate is made of. Where something has to be built, which takes minutes, the cluster starts
 * as soon as its own tools are there, while the rest is built; `pulumi up` then finds it running.
 */
export async function installLocalTools(cluster: { readonly name: string; readonly state: string }): Promise<void> {
  const print = progressPrinter(process.stderr);
  let isBuilding = false;
  const report = (event: ToolEvent) => {
    isBuilding ||= event.kind === "plan";
    print(event);
  };
  const tools = ensureTools(["pulumi", ...clusterTools, ...serviceTools], { report });
  const { pulumi, vault, "external-secrets": externalSecrets, ...ofCluster } = tools;
  const rest = onPath({ pulumi, vault, externalSecrets });
  rest.catch(() => undefined);
  await onPath(ofCluster);
  if (isBuilding) startCluster(cluster);
  await rest;
  installEnginePlugins();
}

const installEnginePlugins = (): void => {
  installPlugins({ pulumiHome: standInHome(stateDir), binDir: join(root, ".tools", "bin") });
};

/** Waits for the tools and puts their folders on PATH, behind what is there. */
export async function onPath(tools: Readonly<Record<string, Promise<ReadyTool>>>): Promise<void> {
  const folders = (await Promise.all(Object.values(tools))).map(tool => dirname(tool.path));
  const path = (process.env["PATH"] ?? "").split(delimiter);
  process.env["PATH"] = [...new Set([...path, ...folders])].join(delimiter);
}

/** Its failure is no news yet: `pulumi up` does the same again and says what is wrong. */
function startCluster({ name, state }: { readonly name: string; readonly state: string }): void {
  const args = ["local/cli.ts", "cluster", "up", "--name", name, "--state", state];
  spawn(process.execPath, args, { cwd: root, stdio: "ignore" }).on("error", () => undefined);
}
