/** Feeds a Chain from the live system: watches of the four objects, and Vault's metadata of the secret. */
import { setTimeout as pause } from "node:timers/promises";
import type { KubeClient } from "../controller/kube/client.ts";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { createReflector, type Reflector } from "../controller/kube/reflector.ts";
import { Chain, type Link, linkTexts, type Part } from "./chain.ts";
import { errors } from "./errors.ts";

export interface Vault {
  readonly address: string;
  readonly token: string;
}

export interface WatchedChain {
  links(): Link[];
  /** Waits until every link was seen; returns how those read that were not. */
  complete(timeoutMs: number): Promise<string[]>;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 50;

/** Begins to watch. When it returns, the state before the change is known. */
export async function watchChain(client: KubeClient, vault: Vault, backend: ObjectRef): Promise<WatchedChain> {
  const stopped = new AbortController();
  const current = await vaultVersion(vault);
  const chain = new Chain(current.writtenAt);
  const parts = await partsOf(client, backend);
  const watches = await Promise.all(
    Object.entries(parts).map(([part, ref]) =>
      watchPart(client, ref, object => chain.see(part as Part, object, Date.now())),
    ),
  );
  await Promise.all(watches.map(watch => watch.synced));
  const polling = pollVault(vault, chain, stopped.signal, () => requestSync(client, parts.externalSecret));
  return {
    links: () => chain.links(),
    async complete(timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      while (chain.missing().length > 0 && Date.now() < deadline) await pause(LOOK_EVERY_MS);
      return chain.missing().map(name => linkTexts[name]);
    },
    async stop() {
      stopped.abort();
      await Promise.all([polling, ...watches.map(watch => watch.stop())]);
    },
  };
}

/** Looks until the new version is there, then has External Secrets fetch it. */
async function pollVault(
  vault: Vault,
  chain: Chain,
  signal: AbortSignal,
  onWritten: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted && chain.missing().includes("vault")) {
    // Vault may be starting again during this very run; then the next look tells.
    const now = await vaultVersion(vault).catch(() => undefined);
    if (now) chain.seeVault(now.version, now.writtenAt);
    if (!chain.missing().includes("vault")) return await onWritten();
    await pause(LOOK_EVERY_MS);
  }
}

/**
 * External Secrets asks Vault every `refreshInterval`; a changed annotation makes it ask at once. It belongs to this
 * field manager alone, so the controller, which applies the rest of the object, does not mind.
 */
async function requestSync(client: KubeClient, externalSecret: ObjectRef): Promise<void> {
  const patch = { metadata: { annotations: { "force-sync": String(Date.now()) } } };
  await client.patch(externalSecret, patch, { type: "merge", fieldManager: "dynamic-mode-secret-script" });
}

async function watchPart(client: KubeClient, ref: ObjectRef, see: (object: KubeObject) => void): Promise<Reflector> {
  const type = await client.discovery.resolve(ref.apiVersion, ref.kind);
  if (!type) throw errors.STACK_ABSENT({});
  const { namespace, name } = ref;
  const handler = { upsert: see, listed: () => undefined, delete: () => undefined };
  const reflector = createReflector({ client, type, namespace, name, handler });
  reflector.start();
  return reflector;
}

/** The objects on the way, as the Backend's record of its release names them. */
async function partsOf(client: KubeClient, backend: ObjectRef): Promise<Record<Part, ObjectRef>> {
  const instance = await client.get(backend);
  const status = instance?.["status"] as { atc?: { inventory?: ObjectRef[]; lookups?: ObjectRef[] } } | undefined;
  const named = [...(status?.atc?.inventory ?? []), ...(status?.atc?.lookups ?? [])];
  const find = (kind: string): ObjectRef => {
    const found = named.find(ref => ref.kind === kind);
    if (!found) throw errors.BACKEND_NOT_READY({ backend: backend.name, problem: `it has no ${kind} yet` });
    return { ...found, namespace: found.namespace ?? backend.namespace };
  };
  return { backend, externalSecret: find("ExternalSecret"), secret: find("Secret"), deployment: find("Deployment") };
}

async function vaultVersion({ address, token }: Vault): Promise<{ version: number; writtenAt: number }> {
  const headers = { "X-Vault-Token": token };
  const answer = await fetch(`${address}/v1/secret/metadata/demo`, { headers }).catch(cause => {
    throw new Error(`Vault does not answer at ${address}`, { cause });
  });
  if (answer.status === 404) return { version: 0, writtenAt: 0 };
  if (!answer.ok) throw errors.VAULT_REFUSED({ address, status: answer.status });
  const { data } = (await answer.json()) as VaultMetadata;
  const written = data.versions[String(data.current_version)]?.created_time;
  return { version: data.current_version, writtenAt: Date.parse(written ?? "") };
}

interface VaultMetadata {
  readonly data: {
    readonly current_version: number;
    readonly versions: Readonly<Record<string, { readonly created_time: string }>>;
  };
}
