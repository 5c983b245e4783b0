/**
 * Registry credentials from a Secret (key `.dockerconfigjson`), followed by watch and held in memory only. When the
 * Secret goes, so do they. One that is not there is told and waited for: other modules need no login, and neither does
 * what is in the cache.
 */

import { describeError } from "../../lib/errors.ts";
import type { KubeClient } from "../kube/client.ts";
import type { KubeObject } from "../kube/object.ts";
import { createReflector } from "../kube/reflector.ts";
import { secretType } from "../kube/resourceTypes.ts";
import { type DockerConfig, noDockerConfig, parseDockerConfig } from "../modules/dockerConfig.ts";
import type { Logger } from "../observe/log.ts";

export interface DockerSecret {
  /** As it is now; waits for the first look at the cluster. Rejects with MODULE_DOCKER_CONFIG. */
  config(): Promise<DockerConfig>;
  stop(): Promise<void>;
}

export function followDockerSecret(
  client: KubeClient,
  { namespace, name }: { namespace: string; name: string },
  log: Logger,
): DockerSecret {
  const where = `Secret ${namespace}/${name}`;
  const seen = Promise.withResolvers<void>();
  let text: string | undefined;
  const take = (object: KubeObject | undefined) => {
    const { [".dockerconfigjson"]: base64 } = (object?.["data"] ?? {}) as Record<string, string>;
    text = base64 === undefined ? undefined : Buffer.from(base64, "base64").toString();
    if (text === undefined) log.warn({ secret: where }, "there are no registry credentials: no .dockerconfigjson");
  };
  const reflector = createReflector({
    client,
    type: secretType,
    namespace,
    name,
    handler: {
      upsert: take,
      delete: () => take(undefined),
      listed: present => {
        if (present.size === 0) take(undefined);
        seen.resolve();
      },
      failed: error => {
        log.warn({ secret: where, error: describeError(error) }, "the registry credentials cannot be read");
        seen.resolve();
      },
    },
  });
  reflector.start();
  return {
    async config() {
      await seen.promise;
      return text === undefined ? noDockerConfig : parseDockerConfig(text, where);
    },
    async stop() {
      await reflector.stop();
      seen.resolve();
    },
  };
}
