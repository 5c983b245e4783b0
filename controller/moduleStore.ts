/** The module store as the settings want it. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describeError } from "../lib/errors.ts";
import type { Config } from "./config.ts";
import { errors } from "./errors.ts";
import type { Sandbox } from "./flight/sandbox.ts";
import type { KubeClient } from "./kube/client.ts";
import { createAllowList } from "./modules/allowList.ts";
import { type DockerConfig, noDockerConfig, parseDockerConfig } from "./modules/dockerConfig.ts";
import { parseVerificationKeys, type VerificationKeys } from "./modules/signature.ts";
import { createModuleStore, type ModuleStore } from "./modules/store.ts";
import type { Logger } from "./observe/log.ts";
import type { Metrics } from "./observe/metrics.ts";
import { followDockerSecret } from "./reconcile/dockerSecret.ts";

export interface ModuleStoreNeeds {
  readonly client: KubeClient;
  readonly sandbox: Sandbox;
  readonly metrics: Pick<Metrics, "moduleLoads" | "moduleLooks">;
  readonly log: Logger;
}

/** @throws MODULE_KEYS, CONFIG_SETTING_NEEDED */
export function openModuleStore(config: Config, { client, sandbox, metrics, log }: ModuleStoreNeeds): ModuleStore {
  const allowList = config.moduleAllowList;
  const { invalid } = createAllowList(allowList);
  if (invalid.length > 0)
    log.warn({ patterns: invalid }, "patterns of MODULE_ALLOW_LIST are not valid and match nothing");
  const secret = dockerSecretOf(config);
  const followed = secret && followDockerSecret(client, secret, log);
  const store = createModuleStore({
    allowList,
    keys: readKeys(config.moduleVerificationKeysPath),
    cacheFolder: config.cacheFs,
    refreshMs: config.moduleRefreshMs,
    dockerConfig: followed?.config ?? readDockerConfig,
    prove: module => sandbox.prepare(module),
    onLook: look => metrics.moduleLooks.inc(look),
    onCacheError: error => log.warn({ error: describeError(error) }, "a module was not written to the cache"),
  });
  return {
    async load(request) {
      let result = "failed";
      try {
        const loaded = await store.load(request);
        result = loaded.problem === undefined ? "newest" : "former";
        return loaded;
      } finally {
        metrics.moduleLoads.inc({ result });
      }
    },
    allowed: url => store.allowed(url),
    async close() {
      await followed?.stop();
      await store.close();
    },
  };
}

function dockerSecretOf({ dockerConfigSecretName: name, svcNamespace: namespace }: Config) {
  if (name === undefined) return undefined;
  if (namespace !== undefined) return { namespace, name };
  throw errors.CONFIG_SETTING_NEEDED({ setting: "SVC_NAMESPACE", by: "DOCKER_CONFIG_SECRET_NAME" });
}

function readKeys(path: string | undefined): VerificationKeys | undefined {
  if (path === undefined) return undefined;
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw errors.CONFIG_FILE_UNREADABLE({ setting: "MODULE_VERIFICATION_KEYS_PATH", path }, cause);
  }
  return parseVerificationKeys(text, path);
}

/** Docker's own file, read for each pull. */
export async function readDockerConfig(): Promise<DockerConfig> {
  const path = join(process.env["DOCKER_CONFIG"] || join(homedir(), ".docker"), "config.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? noDockerConfig : parseDockerConfig(text, path);
}
