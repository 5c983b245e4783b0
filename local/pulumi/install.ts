/**
 * Puts the stand-ins where the engine looks for plugins, for machines that cannot have the official ones.
 *
 * The engine looks on PATH, beside its own binary (language hosts), and in `$PULUMI_HOME/plugins`, where the version
 * must equal that of the npm package. An official plugin that is there already is used and never overwritten.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import command from "@pulumi/command/package.json" with { type: "json" };
import kubernetes from "@pulumi/kubernetes/package.json" with { type: "json" };
import vault from "@pulumi/vault/package.json" with { type: "json" };
import { bundlePlugins } from "./bundle.ts";

const MARK = "# stand-in of dynamic-mode, written by local/pulumi/install.ts";
const LANGUAGE_HOST = "pulumi-language-nodejs";

const providers = [
  { name: "command", version: command.version },
  { name: "kubernetes", version: kubernetes.version },
  { name: "vault", version: vault.version },
] as const;

type Environment = Readonly<Record<string, string | undefined>>;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isStandIn(path: string): boolean {
  const start = Buffer.alloc(200);
  const file = openSync(path, "r");
  readSync(file, start);
  closeSync(file);
  return start.includes(MARK);
}

const isOfficial = (path: string): boolean => isExecutable(path) && !isStandIn(path);

function isOfficialOnPath(name: string, environment: Environment): boolean {
  const folders = (environment.PATH ?? "").split(delimiter).filter(Boolean);
  return folders.some(folder => isOfficial(join(folder, name)));
}

/** The home that Pulumi uses when nothing of ours says otherwise. */
const officialHome = (environment: Environment): string => environment.PULUMI_HOME ?? join(homedir(), ".pulumi");

const pluginPath = (home: string, plugin: { name: string; version: string }): string =>
  join(home, "plugins", `resource-${plugin.name}-v${plugin.version}`, `pulumi-resource-${plugin.name}`);

/**
 * True if this machine needs the stand-ins: Pulumi's own distribution, which fetches its plugins, is not there.
 * Who has it without internet sets PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION, as Pulumi documents.
 */
export function needsStandIns(environment: Environment = process.env): boolean {
  if (!isOfficialOnPath(LANGUAGE_HOST, environment)) return true;
  if (environment.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION !== "true") return false;
  return providers.some(
    plugin =>
      !isOfficialOnPath(`pulumi-resource-${plugin.name}`, environment) &&
      !isOfficial(pluginPath(officialHome(environment), plugin)),
  );
}

const LANGUAGE_SCRIPT = "language-nodejs";
const scriptOf = (plugin: { readonly name: string }): string => `provider-${plugin.name}`;

function writeWrapper(path: string, script: string): void {
  const source = join(bundlePlugins([LANGUAGE_SCRIPT, ...providers.map(scriptOf)]), `${script}.mjs`);
  const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const text = `#!/bin/sh\n${MARK}\nexec ${quote(process.execPath)} ${quote(source)} "$@"\n`;
  mkdirSync(dirname(path), { recursive: true });
  if (isExecutable(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/**
 * Lays out what the engine needs and cannot find; does nothing where nothing is missing.
 *
 * @param pulumiHome the PULUMI_HOME that the engine will get
 * @param binDir the folder that holds `pulumi` or comes before it on PATH
 * @returns the names of the stand-ins now in use
 */
export function installPlugins(options: {
  readonly pulumiHome: string;
  readonly binDir: string;
  readonly environment?: Environment;
}): string[] {
  const environment = options.environment ?? process.env;
  if (!needsStandIns(environment)) return [];
  const used: string[] = [];
  if (!isOfficialOnPath(LANGUAGE_HOST, environment)) {
    writeWrapper(join(options.binDir, LANGUAGE_HOST), LANGUAGE_SCRIPT);
    used.push(LANGUAGE_HOST);
  }
  for (const plugin of providers) {
    const name = `pulumi-resource-${plugin.name}`;
    const path = pluginPath(options.pulumiHome, plugin);
    if (isOfficialOnPath(name, environment) || isOfficial(path)) continue;
    const official = pluginPath(officialHome(environment), plugin);
    if (isOfficial(official)) {
      mkdirSync(dirname(dirname(path)), { recursive: true });
      rmSync(dirname(path), { recursive: true, force: true });
      symlinkSync(dirname(official), dirname(path));
      continue;
    }
    writeWrapper(path, scriptOf(plugin));
    used.push(name);
  }
  return used;
}
