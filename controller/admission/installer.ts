/**
 * Keeps the webhook configurations as they should be: applies them, watches them, and puts back what somebody changes.
 * Only the leader runs one. Kept by name; nothing else is touched.
 */

import type { KubeClient } from "../kube/client.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import { compareResourceVersions, type KubeObject, type ObjectRef } from "../kube/object.ts";
import { createQueue, type Outcome } from "../kube/queue.ts";
import { createReflector, nameKey } from "../kube/reflector.ts";
import { webhookConfigurationType } from "../kube/resourceTypes.ts";
import { digest, ownedFields } from "../release/fields.ts";
import { configurationSelector } from "./configurations.ts";

export interface InstallerOptions {
  readonly client: KubeClient;
  /** Of this process: which one installed a configuration last. */
  readonly holder: string;
  /** Of each attempt that failed. */
  readonly onError: (error: unknown, name: string) => void;
  /** `problem` begins or ends to tell something. */
  readonly onTurn?: (name: string) => void;
  readonly openReflector?: typeof createReflector;
}

/** A configuration, or how it is made, which may fail and is then tried again. */
export type Wanted = KubeObject | (() => Promise<Made>);

export interface Made {
  readonly configuration: KubeObject;
  /** When it has to be made again although nobody says so. */
  readonly againMs?: number | undefined;
}

export interface Installer {
  start(): void;
  /** From now on; `undefined`: there should be none. Before `start`, it is only noted. */
  set(name: string, configuration: Wanted | undefined): void;
  /** Why the last attempt to have a configuration as it should be failed; undefined: it did not. */
  problem(name: string): unknown;
  /** Number of configurations with a problem. */
  problems(): number;
  /** Whether the cluster has it. */
  has(name: string): Promise<boolean>;
  /** Resolves when all is as it was set, or has failed at least once. */
  idle(): Promise<void>;
  stop(): Promise<void>;
  /** Deletes configurations that nobody but this process has touched since it installed them. */
  withdraw(names: readonly string[]): Promise<void>;
}

const holderAnnotation = "atc.yoke.cd/installed-by";

interface Applied {
  /** Of what was wanted. */
  readonly digest: string;
  /** Fingerprint of the fields that are ours. */
  readonly fields: string;
  readonly resourceVersion: string;
}

export function createInstaller(options: InstallerOptions): Installer {
  const { client, holder, onError, onTurn = () => undefined, openReflector = createReflector } = options;
  const wanted = new Map<string, Wanted>();
  /** Names that should be gone. */
  const unwanted = new Set<string>();
  const applied = new Map<string, Applied>();
  const problems = new Map<string, unknown>();
  let isStarted = false;

  const queue = createQueue({
    concurrency: 2,
    baseDelayMs: 500,
    maxDelayMs: 30_000,
    process: name =>
      ensure(name).then(
        outcome => {
          if (problems.delete(name)) onTurn(name);
          return outcome;
        },
        (error: unknown) => {
          const isFirst = !problems.has(name);
          problems.set(name, error);
          onError(error, name);
          if (isFirst) onTurn(name);
          throw error;
        },
      ),
  });

  const ensure = async (name: string): Promise<Outcome> => {
    const want = wanted.get(name);
    if (want === undefined) {
      if (unwanted.has(name)) await client.delete(refOf(name));
      applied.delete(name);
      return {};
    }
    const { configuration, againMs }: Made = typeof want === "function" ? await want() : { configuration: want };
    const body = withHolder(configuration, holder);
    const wantedDigest = digest(JSON.stringify(body));
    if (applied.get(name)?.digest !== wantedDigest) {
      const { object } = await client.apply(body, { fieldManager: controllerName, force: true });
      const { resourceVersion = "" } = object.metadata;
      applied.set(name, { digest: wantedDigest, fields: ownedFields(object, controllerName), resourceVersion });
    }
    return againMs === undefined ? {} : { requeueAfterMs: againMs };
  };

  /** Or not what we have made of it. */
  const missing = (name: string): void => {
    if (applied.delete(name)) queue.add(name);
  };
  const seen = (object: KubeObject): void => {
    const { name, resourceVersion = "" } = object.metadata;
    const known = applied.get(name);
    if (known === undefined || compareResourceVersions(resourceVersion, known.resourceVersion) <= 0) return;
    if (ownedFields(object, controllerName) === known.fields) return;
    missing(name);
  };
  const reflector = openReflector({
    client,
    type: webhookConfigurationType,
    labelSelector: configurationSelector,
    handler: {
      upsert: seen,
      listed: present => {
        for (const name of [...applied.keys()]) if (!present.has(nameKey({ name }))) missing(name);
      },
      delete: ({ metadata }) => missing(metadata.name),
    },
  });

  return {
    start() {
      isStarted = true;
      for (const name of new Set([...wanted.keys(), ...unwanted])) queue.add(name);
      reflector.start();
    },
    set(name, configuration) {
      if (configuration === undefined) {
        wanted.delete(name);
        unwanted.add(name);
      } else {
        unwanted.delete(name);
        wanted.set(name, configuration);
      }
      if (isStarted) queue.add(name);
    },
    problem: name => problems.get(name),
    problems: () => problems.size,
    has: async name => (await client.get(refOf(name))) !== undefined,
    idle: () => queue.idle(),
    async stop() {
      await reflector.stop();
      await queue.stop();
    },
    async withdraw(names) {
      await Promise.all(names.map(name => withdrawOne(client, holder, name)));
    },
  };
}

/** A successor's configuration has its own holder, and any write of its in between is a conflict. */
async function withdrawOne(client: KubeClient, holder: string, name: string): Promise<void> {
  const live = await client.get(refOf(name));
  if (live?.metadata.annotations?.[holderAnnotation] !== holder) return;
  const { uid = "", resourceVersion = "" } = live.metadata;
  await client.delete(refOf(name), { uid, resourceVersion }).catch((error: unknown) => {
    if (!isKubeError(error, "KUBE_CONFLICT")) throw error;
  });
}

function refOf(name: string): ObjectRef {
  const { apiVersion, kind } = webhookConfigurationType;
  return { apiVersion, kind, namespace: "", name };
}

function withHolder(configuration: KubeObject, holder: string): KubeObject {
  const { metadata } = configuration;
  const annotations = { ...metadata.annotations, [holderAnnotation]: holder };
  return { ...configuration, metadata: { ...metadata, annotations } };
}
