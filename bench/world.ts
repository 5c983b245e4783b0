/** A cluster of its own for one bench, with the controller as a process. External Secrets is not needed here. */

import { mkdirSync, readFileSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeClient } from "../controller/kube/client.ts";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { backend } from "../flights/backend/flight.ts";
import { buildFlight } from "../flights/build.ts";
import { airway } from "../flights/sdk/airway.ts";
import { deleteCluster, ensureCluster } from "../local/cluster.ts";
import { statePaths } from "../local/state.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { World as TestWorld } from "../test/e2e/support/world.ts";
import { holding } from "./holding.ts";
import { asBench } from "./work.ts";

const root = resolve(import.meta.dirname, "..");
const entry = resolve(root, "flights/backend/flight.ts");

export interface World {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  /** Of the controllers. */
  readonly env: Readonly<Record<string, string>>;
  /** What the end-to-end tests do in a cluster: Airways from sources, instances, Secrets, waits. */
  readonly hands: TestWorld;
}

/** The cluster is gone when `use` is done, or the bench is interrupted. */
export async function withWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  process.env["PATH"] = [resolve(root, ".tools/bin"), process.env["PATH"]].join(delimiter);
  const cluster = { stateDir: resolve(root, ".state/bench"), name: "bench" };
  mkdirSync(cluster.stateDir, { recursive: true });
  return holding(
    () => deleteCluster(cluster),
    async () => {
      // What a bench left that was killed would be measured, too.
      await deleteCluster(cluster);
      await ensureCluster(cluster);
      const kubeconfig = statePaths.kubeconfig(cluster.stateDir);
      const hands = new TestWorld(kubeconfig, "bench");
      try {
        await hands.freshNamespace(hands.namespace);
        return await use({ client: hands.client, kubeconfig, env: profiling(), hands });
      } finally {
        await hands.client.transport.close();
      }
    },
  );
}

function profiling(): Record<string, string> {
  const directory = process.env["BENCH_PROFILES"];
  return directory === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` };
}

/** The demo's flight and Airway, as `pulumi up` makes them. */
export async function installDemo({ client, hands }: World): Promise<void> {
  const crds = readFileSync(resolve(root, "infra/crds/external-secrets.yaml"), "utf8");
  for (const document of parseAllDocuments(crds)) await client.apply(document.toJS() as KubeObject, asBench);
  const { code, sha256 } = await buildFlight(entry);
  const { flight: url } = await hands.publish("flight", code);
  const object = airway(backend, { url, sha256 }) as unknown as KubeObject;
  await client.apply(object, asBench);
  await hands.ready(hands.airwayRef(object.metadata.name));
  client.discovery.invalidate();
}

export function backendRef({ hands }: World, name: string): ObjectRef {
  return hands.ref("examples.com/v1", "Backend", name);
}

export async function createBackend({ client, hands }: World, name: string, replicas: number): Promise<void> {
  const metadata = { name, namespace: hands.namespace };
  await client.apply({ apiVersion: "examples.com/v1", kind: "Backend", metadata, spec: { replicas } }, asBench);
}

/** One Backend, waited for until its pods are ready. */
export async function firstBackend(world: World, name: string): Promise<void> {
  const { hands } = world;
  await createBackend(world, name, 2);
  await eventually("its Secret is rendered", () => hands.get(hands.ref("v1", "Secret", name)));
  await hands.secret(name, "first");
  await eventually("its Deployment runs", async () => {
    const { status } = (await hands.get(hands.deployment(name))) as { status?: { readyReplicas?: number } };
    if (status?.readyReplicas !== 2) throw new Error("it does not yet");
  });
}

export { entry as backendEntry };
