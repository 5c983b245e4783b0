/** What `destroy` still has to take from a cluster that stays, when Pulumi has taken what it knows of. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { KubeClient } from "../controller/kube/client.ts";
import { clientOf, kubeconfigPath } from "./cluster.ts";
import { stateDir } from "./pulumiCli.ts";

const airways = {
  group: "yoke.cd",
  version: "v1alpha1",
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  plural: "airways",
  namespaced: false,
};
const airwayCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  namespace: "",
  name: "airways.yoke.cd",
};

/** Takes along the kind that the controller brought, and our login to the cluster. */
export async function leaveCluster(stack: string): Promise<void> {
  const kubeconfig = kubeconfigPath(stack);
  if (existsSync(kubeconfig)) {
    const client = clientOf(kubeconfig);
    const done = await removeAirwayKind(client).catch(
      (error: Error) => `${airwayCrd.name} may be left in the cluster: ${error.message}`,
    );
    await client.transport.close();
    console.log(`  ${done}`);
  }
  rmSync(join(stateDir, stack), { recursive: true, force: true });
}

/** Removes the Airways' kind unless somebody has Airways, which would go with it. Returns what was done. */
export async function removeAirwayKind(client: Pick<KubeClient, "get" | "list" | "delete">): Promise<string> {
  const crd = await client.get(airwayCrd);
  if (!crd) return `${airwayCrd.name} is not there`;
  const { items } = await client.list(airways);
  const names = items.map(({ metadata }) => metadata.name);
  if (names.length > 0) return `${airwayCrd.name} stays: there are Airways of others (${names.join(", ")})`;
  await client.delete(airwayCrd, crd.metadata.uid === undefined ? {} : { uid: crd.metadata.uid });
  return `${airwayCrd.name} removed`;
}
