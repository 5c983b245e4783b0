/** Whether the cluster is what the last writes make it, told without the controller. */
import type { KubeClient } from "../../controller/kube/client.ts";
import type { KubeObject, ResourceType } from "../../controller/kube/object.ts";
import { type Marks, marksOf, type Spec } from "./flight.ts";
import { marksOn } from "./observer.ts";
import type { Instance, Secret, Trial, TrialWorld } from "./trial.ts";

/** Everything of one namespace, read past the proxy. By name, per kind. */
export interface Picture {
  readonly instances: ReadonlyMap<string, KubeObject>;
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly configMaps: ReadonlyMap<string, KubeObject>;
  readonly deployments: ReadonlyMap<string, KubeObject>;
}

export async function takePicture({
  client,
  namespace,
  apiVersion,
  kind,
}: Omit<TrialWorld, "signal">): Promise<Picture> {
  const list = (apiVersion: string, kind: string) => listByName(client, apiVersion, kind, namespace);
  const [instances, secrets, configMaps, deployments] = await Promise.all([
    list(apiVersion, kind),
    list("v1", "Secret"),
    list("v1", "ConfigMap"),
    list("apps/v1", "Deployment"),
  ]);
  return { instances, secrets, configMaps, deployments };
}

async function listByName(client: KubeClient, apiVersion: string, kind: string, namespace: string) {
  const type: ResourceType | undefined = await client.discovery.resolve(apiVersion, kind);
  if (type === undefined) throw new Error(`${kind} of ${apiVersion} is not served`);
  const { items } = await client.list(type, { namespace });
  return new Map(items.map(item => [item.metadata.name, item]));
}

/** What is wrong, in words; nothing when all is as it must be. */
export function problemsOf(picture: Picture, trials: readonly Trial[]): string[] {
  return trials.flatMap(trial => [
    ...trial.secrets.flatMap(secret => secretProblems(picture, secret)),
    ...trial.instances.flatMap(instance => instanceProblems(picture, instance)),
  ]);
}

/** The last write of a Secret is there: nobody has overwritten it with what it was before. */
function secretProblems({ secrets }: Picture, { name, allowed }: Secret): string[] {
  const { n } = dataOf(secrets.get(name));
  const live = n === undefined ? undefined : Number(Buffer.from(n, "base64").toString());
  return allowed.includes(live) ? [] : [`Secret ${name}: n is ${live}, not ${allowed.join(" or ")}`];
}

function instanceProblems(picture: Picture, { name, spec }: Instance): string[] {
  const live = picture.instances.get(name);
  const children = childrenOf(picture, name);
  if (spec === undefined) {
    const left = [...children.keys(), ...(live === undefined ? [] : ["itself"])];
    return left.map(child => `${name} was deleted, but there is ${child}`);
  }
  const wanted = expected(picture, name, spec);
  const deployment = picture.deployments.get(name);
  const problems = live === undefined ? [`${name} is gone`] : readyProblems(name, live, deployment);
  for (const [key, marks] of wanted) {
    const child = children.get(key);
    const got = child === undefined ? "nothing" : textOf(marksOn(child));
    if (got !== marks) problems.push(`${key} has ${got}, not ${marks}`);
  }
  for (const [key, { metadata }] of children) {
    const { creationTimestamp, resourceVersion } = metadata;
    if (!wanted.has(key)) problems.push(`${key} of ${creationTimestamp}, now @${resourceVersion}, is left over`);
  }
  return problems;
}

/** What the flight renders from what is there: the children with their marks. */
function expected({ secrets }: Picture, name: string, spec: Spec): Map<string, string> {
  const secret = secrets.get(spec.secret);
  const marks = textOf(marksOf(spec, secret === undefined ? undefined : dataOf(secret)));
  const wanted = new Map(spec.parts.map(part => [`ConfigMap ${name}-${part}`, marks]));
  if (spec.deploy) wanted.set(`Deployment ${name}`, marks);
  return wanted;
}

function textOf({ spec, secret }: Partial<Marks>): string {
  return `spec ${spec} and secret ${secret}`;
}

function childrenOf({ configMaps, deployments }: Picture, instance: string): Map<string, KubeObject> {
  const all = [...configMaps.values(), ...deployments.values()];
  const own = all.filter(({ metadata }) => metadata.labels?.["chaos/instance"] === instance);
  return new Map(own.map(child => [`${child.kind} ${child.metadata.name}`, child]));
}

function readyProblems(name: string, { metadata, status }: KubeObject, deployment: KubeObject | undefined): string[] {
  const { conditions = [] } = (status ?? {}) as { conditions?: Record<string, unknown>[] };
  const ready = conditions.find(({ type }) => type === "Ready");
  const current = ready?.["observedGeneration"] === metadata.generation;
  if (current && ready?.["status"] === "True") return [];
  const age = current ? "" : "of an older generation: ";
  // Whether it waits in vain, or for something that is there.
  const { generation, resourceVersion } = deployment?.metadata ?? {};
  const waitsFor = `generation ${generation} at ${resourceVersion}, ${JSON.stringify(deployment?.["status"])}`;
  return [`${name} is not ready (${age}${JSON.stringify(ready?.["message"])}; its Deployment: ${waitsFor})`];
}

function dataOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return (object?.["data"] ?? {}) as Record<string, string>;
}
