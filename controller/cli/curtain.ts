/**
 * Keeps the values of Secrets out of what is shown. A Secret shows its keys, each with a hash that says whether two
 * values are equal; the hash is keyed by a number of this process, so nobody can try guesses on it. Wherever else a value
 * of a known Secret occurs, `[secret]` stands for it.
 */

import { randomBytes } from "node:crypto";
import { isRecord } from "../../lib/json.ts";
import { Redactor } from "../flight/redaction.ts";
import { groupKind, type KubeObject } from "../kube/object.ts";
import { secretKeys } from "../reconcile/secretKeys.ts";

export interface Curtain {
  /** Secrets among these objects are known from now on. */
  remember(objects: Iterable<KubeObject | undefined>): void;
  cover(object: KubeObject): KubeObject;
  /** Of texts that come from elsewhere, such as errors. */
  redact(text: string): string;
}

/** Shows everything, to who asked for it. */
export const noCurtain: Curtain = { remember: () => {}, cover: object => object, redact: text => text };

export function createCurtain(): Curtain {
  const key = randomBytes(32);
  const redactor = new Redactor();
  const redact = (text: string) => redactor.redact(text);
  return {
    remember(objects) {
      for (const object of objects) if (object !== undefined && isSecret(object)) redactor.remember(object["data"]);
    },
    cover(object) {
      return isSecret(object) ? hidden(object, key) : (mapTexts(object, redact) as KubeObject);
    },
    redact,
  };
}

export function isSecret(object: Pick<KubeObject, "apiVersion" | "kind">): boolean {
  return groupKind(object) === "Secret";
}

/** As the API server stores it: `stringData` is a way to write `data`. */
export function asStored(object: KubeObject): KubeObject {
  const { stringData, ...secret } = object;
  if (!isSecret(object) || stringData === null || typeof stringData !== "object") return object;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(String(text)).toString("base64")]);
  return { ...(secret as KubeObject), data: { ...(object["data"] as object), ...Object.fromEntries(encoded) } };
}

/** kubectl's own note of what it applied, which repeats everything; of a Secret, too. */
export const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

function hidden(object: KubeObject, key: Uint8Array): KubeObject {
  const secret = asStored(object);
  const hashes = [...secretKeys(secret, key)].map(([field, hash]) => [field, `(hidden, ${hash})`]);
  const { [lastApplied]: whole, ...annotations } = secret.metadata.annotations ?? {};
  const metadata = whole === undefined ? secret.metadata : { ...secret.metadata, annotations };
  return { ...secret, metadata, ...(secret["data"] === undefined ? {} : { data: Object.fromEntries(hashes) }) };
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map(item => mapTexts(item, map));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, mapTexts(item, map)]));
}
