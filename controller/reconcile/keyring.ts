/**
 * The controller's own key, for signatures and for digests of secrets. It is a Secret beside the controller, made once.
 * Where the controller may not keep one, a key of this process stands in: what it signed is not believed after a restart.
 */

import { randomBytes } from "node:crypto";
import { describeError } from "../../lib/errors.ts";
import type { KubeClient } from "../kube/client.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import type { Logger } from "../observe/log.ts";

export interface Keyring {
  /** Fails while the API server does. */
  key(): Promise<Uint8Array>;
}

export interface KeyringOptions {
  readonly client: Pick<KubeClient, "get" | "create">;
  /** The controller's own. */
  readonly namespace: string;
  readonly log: Pick<Logger, "warn">;
}

const secretName = "atc-keys";
const field = "key";
const keyBytes = 32;

export function createKeyring({ client, namespace, log }: KeyringOptions): Keyring {
  const ref: ObjectRef = { apiVersion: "v1", kind: "Secret", namespace, name: secretName };
  let known: Promise<Uint8Array> | undefined;

  const load = async (): Promise<Uint8Array> => {
    try {
      return keyIn(await client.get(ref)) ?? (await make()) ?? keyIn(await client.get(ref)) ?? randomBytes(keyBytes);
    } catch (error) {
      if (!isKubeError(error, "KUBE_FORBIDDEN", "KUBE_NOT_FOUND", "KUBE_INVALID")) throw error;
      log.warn(
        { namespace, error: describeError(error) },
        "the key is not kept; revisions are not believed after a restart",
      );
      return randomBytes(keyBytes);
    }
  };
  /** undefined: somebody else made one first. */
  const make = async (): Promise<Uint8Array | undefined> => {
    const key = randomBytes(keyBytes);
    const metadata = { name: secretName, namespace };
    const data = { [field]: key.toString("base64") };
    try {
      const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", immutable: true, data };
      await client.create(secret, { fieldManager: controllerName });
      return key;
    } catch (error) {
      if (isKubeError(error, "KUBE_ALREADY_EXISTS", "KUBE_CONFLICT")) return undefined;
      throw error;
    }
  };

  return {
    key() {
      known ??= load().catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
  };
}

function keyIn(secret: KubeObject | undefined): Uint8Array | undefined {
  const { [field]: text } = (secret?.["data"] ?? {}) as Record<string, unknown>;
  const key = Buffer.from(typeof text === "string" ? text : "", "base64");
  return key.length < keyBytes ? undefined : key;
}
