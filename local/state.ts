/**
 * The state folder: everything that the embedded substrate knows about one cluster and its services.
 *
 *     cluster.json          what `cluster up` recorded          services/NAME.json   what the supervisor recorded
 *     kubeconfig.yaml       self-contained, mode 0600           logs/NAME.log        a service's output, bounded
 *     kwok/                 kwokctl's working directory         supervisor.*         socket, log and lock of the supervisor
 *     logins/               kubeconfigs and tokens of services, mode 0600
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository: services run in it. */
export const projectRoot = fileURLToPath(new URL("..", import.meta.url));

/** One name for one folder, whatever links lead to it: processes are recognised by the paths in their arguments. */
export function resolveStateDir(dir: string): string {
  const path = resolve(dir);
  if (existsSync(path)) return realpathSync(path);
  return path === dirname(path) ? path : join(resolveStateDir(dirname(path)), basename(path));
}

/** Creates the folder if need be; its files are for the owner only. */
export function openStateDir(dir: string): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return resolveStateDir(dir);
}

export const statePaths = {
  cluster: (stateDir: string) => join(stateDir, "cluster.json"),
  kubeconfig: (stateDir: string) => join(stateDir, "kubeconfig.yaml"),
  kwok: (stateDir: string) => join(stateDir, "kwok"),
  services: (stateDir: string) => join(stateDir, "services"),
  service: (stateDir: string, name: string) => join(stateDir, "services", `${name}.json`),
  log: (stateDir: string, name: string) => join(stateDir, "logs", `${name}.log`),
  login: (stateDir: string, account: { namespace: string; name: string }) =>
    join(stateDir, "logins", `${account.namespace}.${account.name}.yaml`),
  loginToken: (stateDir: string, account: { namespace: string; name: string }) =>
    join(stateDir, "logins", `${account.namespace}.${account.name}.token`),
  supervisorLog: (stateDir: string) => join(stateDir, "supervisor.log"),
} as const;

/** Replaces the file in one step, so that a reader or a crash never meets half of it. */
export function writeFileAtomic(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, content, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}

export function writeJson(file: string, value: unknown): void {
  writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** The file's value; undefined when it is missing or damaged, as both mean that nothing is known. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

export function removeFile(file: string): void {
  rmSync(file, { recursive: true, force: true });
}

/** What a person reads of a log line; a stack trace in JSON goes on for a page. */
const LINE_LENGTH = 400;

/** The last lines of a text file, for error messages; empty when it cannot be read. */
export function lastLines(file: string, count: number): string {
  try {
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(-count);
    return lines.map(line => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)} …` : line)).join("\n");
  } catch {
    return "";
  }
}
