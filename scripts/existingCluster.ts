/**
 * What `pulumi destroy` takes from a cluster that stays, beside the objects that Pulumi knows of: the controller's own
 * marks and kinds, also when the controller is gone already. What others have there is left alone.
 */

import { setTimeout as pause } from "node:timers/promises";
import { configurationSelector } from "../controller/admission/configurations.ts";
import type { KubeClient } from "../controller/kube/client.ts";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { webhookConfigurationType } from "../controller/kube/resourceTypes.ts";
import { isKept } from "../controller/reconcile/removal.ts";
import { type ReleaseRecord, readRecord } from "../controller/release/record.ts";

type Client = Pick<KubeClient, "get" | "list" | "patch" | "delete"> & {
  readonly discovery: Pick<KubeClient["discovery"], "resolve">;
};

const fieldManager = "dynamic-mode";
const pollMs = 1_000;

const clusterScoped = (apiVersion: string, kind: string, name: string): ObjectRef => ({
  apiVersion,
  kind,
  namespace: "",
  name,
});
const crd = (name: string) => clusterScoped("apiextensions.k8s.io/v1", "CustomResourceDefinition", name);
const airwayRef = (name: string) => clusterScoped("yoke.cd/v1alpha1", "Airway", name);
const deployment: ObjectRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "atc", name: "atc" };

/**
 * Before anything is deleted: an Airway and its instances wait for the controller to let them go. Where none has come
 * back in time, they are let go here. Their children are deleted first: the garbage collector would find them by their
 * owners' kind, which goes with the Airway.
 *
 * @returns what was done, for the user
 */
export async function letGo(client: Client, airway: string, waitMs: number): Promise<string> {
  const live = await client.get(airwayRef(airway));
  if (live === undefined) return `there is no Airway ${airway}`;
  if (await controllerComes(client, waitMs)) return "the controller lets its objects go";
  const instances = await instancesOf(client, live);
  for (const instance of instances) {
    const record = readRecord(instance);
    for (const entry of record.inventory) await removeChild(client, instance, entry);
    await removeRevisions(client, instance, record);
    await dropFinalizers(client, instance);
  }
  await dropFinalizers(client, live);
  return `no controller runs: Airway ${airway} and its instances (${instances.length}) are let go without it`;
}

async function controllerComes(client: Client, waitMs: number): Promise<boolean> {
  for (const deadline = Date.now() + waitMs; ; await pause(pollMs)) {
    const object = await client.get(deployment);
    const { readyReplicas = 0 } = (object?.["status"] ?? {}) as { readyReplicas?: number };
    if (readyReplicas > 0) return true;
    const { replicas = 0 } = (object?.["spec"] ?? {}) as { replicas?: number };
    if (replicas === 0 || Date.now() >= deadline) return false;
  }
}

interface AirwayTemplate {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly storage?: boolean }[];
}

async function instancesOf(client: Client, airway: KubeObject): Promise<readonly KubeObject[]> {
  const { template } = airway["spec"] as { template: AirwayTemplate };
  const version = template.versions.find(({ storage }) => storage)?.name ?? "";
  const type = await client.discovery.resolve(`${template.group}/${version}`, template.names.kind);
  return type === undefined ? [] : (await client.list(type)).items;
}

/** A status may name anything; a child says itself whose it is. What the release would leave behind is left here, too. */
async function removeChild(client: Client, instance: KubeObject, ref: ObjectRef): Promise<void> {
  const live = await client.get(ref, { metadataOnly: true });
  const owners = live?.metadata.ownerReferences ?? [];
  const others = owners.filter(({ uid }) => uid !== instance.metadata.uid);
  if (live === undefined || others.length === owners.length) return;
  if (others.length === 0 && !isKept(ref, { crds: false, namespaces: false })) return await remove(client, ref, live);
  const metadata = { resourceVersion: live.metadata.resourceVersion, ownerReferences: others };
  await client.patch(ref, { metadata }, { type: "merge", fieldManager });
}

/** A Secret says itself that it is a revision. */
async function removeRevisions(client: Client, instance: KubeObject, { revision }: ReleaseRecord): Promise<void> {
  for (const name of [revision.name, ...revision.former].filter(Boolean)) {
    const ref = { apiVersion: "v1", kind: "Secret", namespace: instance.metadata.namespace ?? "", name };
    const found = await client.get(ref, { metadataOnly: true });
    if (found?.metadata.labels?.["internal.yoke/kind"] === "revision") await remove(client, ref, found);
  }
}

async function dropFinalizers(client: Client, object: KubeObject): Promise<void> {
  const { name, namespace = "", resourceVersion, finalizers = [] } = object.metadata;
  const rest = finalizers.filter(finalizer => !finalizer.startsWith("yoke.cd/"));
  if (rest.length === finalizers.length) return;
  const ref = { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
  await client.patch(ref, { metadata: { resourceVersion, finalizers: rest } }, { type: "merge", fieldManager });
}

/**
 * After the controller: its webhooks, which a killed one leaves behind, and its kinds. Returns what was done.
 *
 * @param airways the stack's own, which are gone by now; the kinds that they defined go with them
 */
export async function removeRemains(client: Client, airways: readonly string[]): Promise<string[]> {
  const { items } = await client.list(webhookConfigurationType, { labelSelector: configurationSelector });
  const ours = items.filter(callsOurService);
  for (const object of ours)
    await remove(client, clusterScoped(object.apiVersion, object.kind, object.metadata.name), object);
  const done = ours.map(({ metadata }) => `webhooks ${metadata.name} removed`);
  for (const airway of airways) done.push(await removeInstanceKind(client, airway));
  for (const plural of ["flights", "clusterflights", "airways"]) done.push(await removeKind(client, plural));
  return done;
}

function callsOurService(configuration: KubeObject): boolean {
  const webhooks = configuration["webhooks"] as
    | { clientConfig: { service?: { namespace: string; name: string } } }[]
    | undefined;
  const services = (webhooks ?? []).map(({ clientConfig }) => clientConfig.service);
  return services.some(service => service?.namespace === "atc" && service.name === "atc");
}

async function removeInstanceKind(client: Client, airway: string): Promise<string> {
  const found = await client.get(crd(airway));
  if (found === undefined) return `${airway} is not there`;
  const isDefined = found.metadata.ownerReferences?.some(({ kind, name }) => kind === "Airway" && name === airway);
  if (!isDefined || (await client.get(airwayRef(airway))) !== undefined) return `${airway} stays: it is of others`;
  await remove(client, crd(airway), found);
  return `${airway} removed`;
}

/** Removes a kind of the controller's unless somebody has objects of it, which would go with it. */
async function removeKind(client: Client, plural: string): Promise<string> {
  const ref = crd(`${plural}.yoke.cd`);
  const found = await client.get(ref);
  if (found === undefined) return `${ref.name} is not there`;
  const { names, scope } = found["spec"] as { names: { kind: string }; scope: string };
  const apiVersion = "yoke.cd/v1alpha1";
  const of = { group: "yoke.cd", version: "v1alpha1", apiVersion, kind: names.kind, plural };
  const { items } = await client.list({ ...of, namespaced: scope === "Namespaced" });
  const others = items.map(({ metadata }) => metadata.name);
  if (others.length > 0) return `${ref.name} stays: there are ${plural} of others (${others.join(", ")})`;
  await remove(client, ref, found);
  return `${ref.name} removed`;
}

/** No later one of the same name. */
async function remove(client: Client, ref: ObjectRef, { metadata: { uid } }: KubeObject): Promise<void> {
  await client.delete(ref, uid === undefined ? {} : { uid });
}
