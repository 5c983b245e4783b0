/** A cluster of its own with the demo's Airway, and the controller as a process. External Secrets is not needed here. */

import { mkdirSync, readFileSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { createClient, type KubeClient } from "../controller/kube/client.ts";
import { loadConfig } from "../controller/kube/config.ts";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { backend } from "../flights/backend/flight.ts";
import { buildFlight } from "../flights/build.ts";
import { airway } from "../flights/sdk/airway.ts";
import { deleteCluster, ensureCluster } from "../local/cluster.ts";
import { statePaths } from "../local/state.ts";
import { type Atc, startAtc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";

const root = resolve(import.meta.dirname, "..");
const entry = resolve(root, "flights/backend/flight.ts");
const options = { fieldManager: "bench", force: true };

export const namespace = "bench";

export interface World {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  startAtc(): Promise<Atc>;
  end(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  process.env["PATH"] = [resolve(root, ".tools/bin"), process.env["PATH"]].join(delimiter);
  const cluster = { stateDir: resolve(root, ".state/bench"), name: "bench" };
  mkdirSync(cluster.stateDir, { recursive: true });
  await ensureCluster(cluster);
  const kubeconfig = statePaths.kubeconfig(cluster.stateDir);
  const client = createClient(loadConfig({ kubeconfig }));
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, options);
  const crds = readFileSync(resolve(root, "infra/crds/external-secrets.yaml"), "utf8");
  for (const document of parseAllDocuments(crds)) await client.apply(document.toJS() as KubeObject, options);
  return {
    client,
    kubeconfig,
    startAtc: () => startAtc({ kubeconfig }),
    async end() {
      await client.transport.close();
      await deleteCluster(cluster);
    },
  };
}

/** The demo's flight and Airway, as `pulumi up` makes them. */
export async function installAirway({ client }: World): Promise<void> {
  const { code, sha256 } = await buildFlight(entry);
  const data = { "flight.js": code };
  await client.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "flight", namespace }, data }, options);
  const url = `configmap://${namespace}/flight/flight.js`;
  const object = airway(backend, { url, sha256 });
  await client.apply(object as unknown as KubeObject, options);
  const ref = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", namespace: "", name: object.metadata.name };
  await eventually("the Airway is Ready", async () => {
    const status = (await client.get(ref))?.["status"] as { conditions?: { status: string }[] } | undefined;
    if (status?.conditions?.[0]?.status !== "True") throw new Error(JSON.stringify(status));
  });
  client.discovery.invalidate();
}

export function backendRef(name: string): ObjectRef {
  return { apiVersion: "examples.com/v1", kind: "Backend", namespace, name };
}

export async function createBackend({ client }: World, name: string, replicas: number): Promise<void> {
  const metadata = { name, namespace };
  await client.apply({ apiVersion: "examples.com/v1", kind: "Backend", metadata, spec: { replicas } }, options);
}

export { entry as backendEntry };
