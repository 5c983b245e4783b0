/**
 * Where the server's certificate and the token of its paths come from: a Secret that the controller keeps itself, or
 * files that it is given.
 * Either tells when it changed; the server and the configurations follow without a restart.
 */

import { readFile } from "node:fs/promises";
import type { KubeClient } from "../kube/client.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { createReflector } from "../kube/reflector.ts";
import { secretType } from "../kube/resourceTypes.ts";
import { isToken, newToken, tokenOfKey } from "./callerPath.ts";
import { bundle, type Certificates, renewed } from "./certificates.ts";
import { admissionErrors } from "./errors.ts";
import type { Served } from "./server.ts";

export interface Trusted extends Served {
  /** PEM: what `caBundle` has to hold. */
  readonly authorities: string;
}

export interface CertificateSource {
  /** Resolves with the first one; `changed` is called for each that follows. */
  start(changed: (trusted: Trusted) => void): Promise<Trusted>;
  stop(): Promise<void>;
}

const secretName = "atc-tls";
const tokenKey = "path-token";
const lookMs = 3600_000;

export interface SecretSourceOptions {
  /** Writes also while this replica does not lead: it has to serve before, and never overwrites what it has not read. */
  readonly client: KubeClient;
  readonly namespace: string;
  /** DNS names and IP addresses of the server. */
  readonly names: readonly string[];
  readonly clock?: Clock;
  readonly openReflector?: typeof createReflector;
  readonly onError: (error: unknown) => void;
}

export function secretSource(options: SecretSourceOptions): CertificateSource {
  const { client, namespace, names, onError, clock = systemClock, openReflector = createReflector } = options;
  let held: { trusted: Trusted; resourceVersion: string } | undefined;
  let changed: (trusted: Trusted) => void = () => undefined;
  let cancel = (): void => undefined;
  let running: Promise<void> | undefined;
  let again = false;

  const look = async (): Promise<void> => {
    const secret = await keep({ client, namespace, names, now: clock.now() });
    const trusted = trustedOf(secret);
    if (trusted === undefined) return;
    const same = held !== undefined && isSame(held.trusted, trusted);
    held = { trusted, resourceVersion: secret.metadata.resourceVersion ?? "" };
    if (!same) changed(trusted);
  };
  /** One look at a time; what happens meanwhile is looked at once more. */
  const lookSoon = (): void => {
    again = running !== undefined;
    running ??= look()
      .catch(onError)
      .finally(() => {
        running = undefined;
        if (again) lookSoon();
      });
  };
  const lookLater = (): void => {
    cancel = clock.schedule(lookMs, () => {
      lookSoon();
      lookLater();
    });
  };
  const seen = (secret: KubeObject | undefined): void => {
    if (secret?.metadata.resourceVersion !== held?.resourceVersion) lookSoon();
  };
  const handler = {
    upsert: seen,
    listed: (present: ReadonlySet<string>) => {
      if (present.size === 0) seen(undefined);
    },
    delete: () => seen(undefined),
  };
  const reflector = openReflector({ client, type: secretType, namespace, name: secretName, handler });

  return {
    async start(listener) {
      await look();
      if (held === undefined) throw admissionErrors.ADMISSION_CERTIFICATE_SECRET({ namespace, name: secretName });
      changed = listener;
      reflector.start();
      lookLater();
      return held.trusted;
    },
    async stop() {
      cancel();
      await reflector.stop();
    },
  };
}

function secretRef(namespace: string): ObjectRef {
  return { apiVersion: "v1", kind: "Secret", namespace, name: secretName };
}

/** The Secret as it should be now: read, made, or renewed at the resourceVersion that was read. */
async function keep(of: {
  client: KubeClient;
  namespace: string;
  names: readonly string[];
  now: number;
}): Promise<KubeObject> {
  const { client, namespace, names, now } = of;
  for (;;) {
    const present = await client.get(secretRef(namespace));
    const former = present && certificatesOf(present);
    const token = present && tokenOf(present);
    const next = await renewed(former, names, now);
    if (present !== undefined && next === undefined && token !== undefined) return present;
    const certificates = next ?? former;
    if (certificates === undefined) continue;
    const data = dataOf(certificates, token ?? newToken());
    try {
      if (present === undefined)
        return await client.create(secretOf(namespace, data), { fieldManager: controllerName });
      const { resourceVersion } = present.metadata;
      const patch = { metadata: { resourceVersion }, data };
      return await client.patch(secretRef(namespace), patch, { type: "merge", fieldManager: controllerName });
    } catch (error) {
      // Another replica was faster: what it made is as good.
      if (!isKubeError(error, "KUBE_CONFLICT", "KUBE_ALREADY_EXISTS", "KUBE_NOT_FOUND")) throw error;
    }
  }
}

function secretOf(namespace: string, data: Record<string, string>): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secretName, namespace },
    type: "kubernetes.io/tls",
    data,
  };
}

function dataOf(certificates: Certificates, token: string): Record<string, string> {
  const { authorityKey, certificate, key } = certificates;
  const texts = {
    ...{ "ca.crt": bundle(certificates), "ca.key": authorityKey, "tls.crt": certificate, "tls.key": key },
    [tokenKey]: token,
  };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text).toString("base64")]));
}

function textIn(secret: KubeObject, name: string): string {
  const data = (secret["data"] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(data[name] ?? "", "base64").toString("utf8");
}

/** undefined: of a version before there was one, or spoilt. */
function tokenOf(secret: KubeObject): string | undefined {
  const token = textIn(secret, tokenKey);
  return isToken(token) ? token : undefined;
}

function certificatesOf(secret: KubeObject): Certificates | undefined {
  const text = (name: string) => textIn(secret, name);
  const authorities = text("ca.crt").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [certificate, key, authorityKey] = [text("tls.crt"), text("tls.key"), text("ca.key")];
  if (authorities.length === 0 || certificate === "" || key === "") return undefined;
  return { authorities, authorityKey, certificate, key };
}

function trustedOf(secret: KubeObject): Trusted | undefined {
  const [certificates, token] = [certificatesOf(secret), tokenOf(secret)];
  if (certificates === undefined || token === undefined) return undefined;
  const { certificate, key } = certificates;
  return { certificate, key, token, authorities: bundle(certificates) };
}

function isSame(a: Trusted, b: Trusted): boolean {
  const isServed = a.certificate === b.certificate && a.key === b.key && a.token === b.token;
  return isServed && a.authorities === b.authorities;
}

export interface FileSourceOptions {
  readonly authorities: string;
  readonly certificate: string;
  readonly key: string;
  readonly clock?: Clock;
  readonly onError: (error: unknown) => void;
}

/** Mounted files change by a symbolic link, which no watch of a file sees; so they are read from time to time. */
const readMs = 10_000;

/** @throws ADMISSION_CERTIFICATE_FILE from `start` */
export function fileSource(options: FileSourceOptions): CertificateSource {
  const { clock = systemClock, onError } = options;
  let held: Trusted | undefined;
  let cancel = (): void => undefined;
  const read = async (): Promise<Trusted> => {
    const key = await textOf(options.key);
    const [authorities, certificate] = [await textOf(options.authorities), await textOf(options.certificate)];
    return { authorities, certificate, key, token: tokenOfKey(key) };
  };
  return {
    async start(changed) {
      const look = (): void => {
        cancel = clock.schedule(readMs, () => {
          read()
            .then(next => {
              const same = held !== undefined && isSame(held, next);
              held = next;
              if (!same) changed(next);
            })
            .catch(onError)
            .finally(look);
        });
      };
      const first = await read();
      held = first;
      look();
      return first;
    },
    async stop() {
      cancel();
    },
  };
}

async function textOf(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw admissionErrors.ADMISSION_CERTIFICATE_FILE({ path, why: cause.code ?? cause.message }, cause);
  });
  if (!text.includes("-----BEGIN ")) throw admissionErrors.ADMISSION_CERTIFICATE_FILE({ path, why: "it is no PEM" });
  return text;
}
