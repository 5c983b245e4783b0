/** Kubernetes objects from files, folders and the standard input. */

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { checkObject } from "../release/outputObject.ts";
import { parseYaml } from "../release/yaml.ts";
import { asStored } from "./curtain.ts";
import { errors } from "./errors.ts";

/**
 * @param paths files, folders (their `*.yaml`, `*.yml` and `*.json`), or `-`
 * @throws CLI_FILE_UNREADABLE, CLI_FILE_INVALID
 */
export async function readObjects(paths: readonly string[]): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path)) found.push(...objectsIn(await contentOf(file), file));
  }
  return found;
}

async function filesOf(path: string): Promise<string[]> {
  if (path === "-") return [path];
  const { isFolder } = await stat(path).then(
    stats => ({ isFolder: stats.isDirectory() }),
    (error: unknown) => unreadable(path, error),
  );
  if (!isFolder) return [path];
  const names = await readdir(path);
  return names
    .filter(name => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map(name => join(path, name));
}

function contentOf(path: string): Promise<string> {
  if (path === "-") return text(process.stdin);
  return readFile(path, "utf8").catch((error: unknown) => unreadable(path, error));
}

function unreadable(path: string, error: unknown): never {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  throw errors.CLI_FILE_UNREADABLE({ path, why: code === "ENOENT" ? "it does not exist" : code }, error);
}

/** @param path for messages */
export function objectsIn(content: string, path: string): KubeObject[] {
  const where = path === "-" ? "the standard input" : path;
  try {
    const documents = parseYaml(content).flatMap(itemsOf);
    return documents.map((value, at) => asStored(checkObject(value, `object ${at + 1}`)));
  } catch (error) {
    // Only the first line: the following ones quote the file, which may hold a secret.
    const [why = ""] = error instanceof Error ? error.message.split("\n") : [];
    throw errors.CLI_FILE_INVALID(
      { path: where, why: why.replace(/:$/, "") },
      error instanceof CodedError ? error : undefined,
    );
  }
}

/** What `kubectl get -o yaml` prints of several objects is one. */
function itemsOf(document: unknown): unknown[] {
  const { kind, items } = (document ?? {}) as { kind?: unknown; items?: unknown };
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items) ? items : [document];
}
