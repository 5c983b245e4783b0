/** Pure rules for Kubernetes objects as Pulumi inputs and outputs: names, what replaces, what a refresh reports. */
import type { CheckContext } from "./provider.ts";
import {
  deepDiff,
  formatPath,
  hasUnknown,
  isObject,
  type Path,
  type Properties,
  secret,
  UNKNOWN,
  unwrap,
  type Value,
} from "./wire.ts";

const AUTONAMED = "pulumi.com/autonamed";

export const objectAt = (value: Value | undefined, ...path: string[]): Properties => {
  const at = path.reduce<Value | undefined>((object, key) => (isObject(object) ? object[key] : undefined), value);
  return isObject(at) ? at : {};
};

export const metadataOf = (object: Properties): Properties => objectAt(object, "metadata");
export const annotationsOf = (object: Properties): Properties => objectAt(object, "metadata", "annotations");
export const idOf = (object: Properties): string => {
  const { namespace, name } = metadataOf(object);
  return namespace ? `${namespace}/${name}` : String(name);
};

/** `ns/name` or `name`. */
export function parseId(id: string): { namespace: string | undefined; name: string } {
  const [first = "", second] = id.split("/");
  return second === undefined ? { namespace: undefined, name: first } : { namespace: first, name: second };
}

/** `kubernetes:apps/v1:Deployment` → apps/v1, Deployment. The core group is written `core/v1`. */
export function parseType(token: string): { apiVersion: string; kind: string } {
  const [, version = "", kind = ""] = token.split(":");
  return { apiVersion: version.replace(/^core\//, ""), kind };
}

/** The SDK spells `x-kubernetes-…` with underscores, because of languages whose names have no dashes. */
export const toApi = (value: Properties): Properties =>
  renameKeys(value, key => (key.startsWith("x_kubernetes_") ? key.replaceAll("_", "-") : key));
export const fromApi = (value: Properties): Properties =>
  renameKeys(value, key => (key.startsWith("x-kubernetes-") ? key.replaceAll("-", "_") : key));

function renameKeys(value: Properties, rename: (key: string) => string): Properties {
  const walk = (item: Value): Value => {
    if (Array.isArray(item)) return item.map(walk);
    return isObject(item) ? renameKeys(item, rename) : item;
  };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), walk(item)]));
}

/** Gives an object without a name the one it had, or the proposed one, and remembers that it was not the user's. */
export function named(inputs: Properties, { olds, proposedName }: CheckContext): Properties {
  const metadata = metadataOf(inputs);
  if (inputs.metadata === UNKNOWN || metadata.name !== undefined) return inputs;
  const was = annotationsOf(olds)[AUTONAMED] === "true" ? metadataOf(olds).name : undefined;
  const annotations = { ...annotationsOf(inputs), [AUTONAMED]: "true" };
  return { ...inputs, metadata: { ...metadata, name: was ?? proposedName, annotations } };
}

/** Writes `stringData` of a Secret into `data`, as the API server does, and makes the whole secret. */
export function normalizedSecret(inputs: Properties): Properties {
  if (inputs.kind !== "Secret" || inputs.apiVersion !== "v1") return inputs;
  const { stringData, data, ...rest } = inputs;
  if (stringData === undefined && data === undefined) return inputs;
  if (hasUnknown(stringData) && !isObject(unwrap(stringData ?? {}))) return inputs;
  const encode = (value: Value): Value =>
    value === UNKNOWN ? UNKNOWN : Buffer.from(String(value), "utf8").toString("base64");
  const plain = Object.entries(objectAt(unwrap(stringData ?? {}))).map(([key, value]): [string, Value] => [
    key,
    encode(value),
  ]);
  const merged = { ...objectAt(unwrap(data ?? {})), ...Object.fromEntries(plain) };
  return { ...rest, data: secret(merged) };
}

export interface Mutability {
  readonly secrets: boolean;
  readonly configMaps: boolean;
}

/** Fields that the API server does not let change, by kind; `""` is any kind. */
const immutable: Readonly<Record<string, readonly RegExp[]>> = {
  "": [/^kind$/, /^metadata\.(name|namespace)$/],
  ClusterRoleBinding: [/^roleRef\b/],
  DaemonSet: [/^spec\.selector\b/],
  Deployment: [/^spec\.selector\b/],
  Job: [/^spec\.(selector|template|completionMode)\b/],
  PersistentVolume: [/^spec\b/],
  PersistentVolumeClaim: [/^spec\.(accessModes|selector|storageClassName|volumeName|volumeMode|dataSource)\b/],
  Pod: [/^spec\.(?!(initContainers|containers)\[\d+\]\.image$|tolerations\b|activeDeadlineSeconds$)/],
  RoleBinding: [/^roleRef\b/],
  Service: [/^spec\.(clusterIP|type)$/],
  StatefulSet: [/^spec\.(selector|serviceName|podManagementPolicy|volumeClaimTemplates)\b/],
  StorageClass: [/^(provisioner|parameters|reclaimPolicy|volumeBindingMode)\b/],
};

/** True if a change of this path needs a new object. */
export function replacesObject(path: Path, olds: Properties, news: Properties, mutability: Mutability): boolean {
  const text = formatPath(path);
  const kind = String(news.kind);
  if (text === "apiVersion") return group(olds) !== group(news);
  if (text === "metadata") return true;
  if (kind === "Secret" && /^(data|stringData|type)\b/.test(text))
    return !mutability.secrets || olds.immutable === true;
  if (kind === "ConfigMap" && /^(data|binaryData)\b/.test(text)) {
    return !mutability.configMaps || olds.immutable === true;
  }
  return [...(immutable[""] ?? []), ...(immutable[kind] ?? [])].some(pattern => pattern.test(text));
}

const group = (object: Properties): string => {
  const [first = "", second] = String(object.apiVersion).split("/");
  return second === undefined ? "" : first;
};

/** True if the new object has the old one's name, and has to keep it: then the old one must go first. */
export const keepsName = (olds: Properties, news: Properties): boolean =>
  annotationsOf(news)[AUTONAMED] !== "true" &&
  metadataOf(olds).name === metadataOf(news).name &&
  metadataOf(olds).namespace === metadataOf(news).namespace;

/** Kinds that own no other objects: there is nothing to wait for in the foreground. */
const LEAVES = /^(ConfigMap|Secret|ServiceAccount|Role|RoleBinding|ClusterRole|ClusterRoleBinding)$/;

/** How a deletion treats what the object owns: as annotated, else children first, as in the official provider. */
export function propagationOf(state: Properties): "Foreground" | "Background" | "Orphan" {
  const policy = String(annotationsOf(state)["pulumi.com/deletionPropagationPolicy"] ?? "").toLowerCase();
  if (policy === "orphan") return "Orphan";
  const background = policy === "background" || (policy === "" && LEAVES.test(String(state.kind)));
  return background ? "Background" : "Foreground";
}

/** What only the server writes: not a part of an imported object's inputs. */
const serverFields = [
  "creationTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
] as const;

export function importedInputs(live: Properties): Properties {
  const { status: _, ...rest } = live;
  const metadata = { ...metadataOf(live) };
  for (const field of serverFields) delete metadata[field];
  return { ...rest, metadata };
}

/**
 * The inputs as they are now: what the program set, with the live value wherever that changed since the last update.
 * A value that the server writes in another way (a quantity, a default) is no change.
 */
export function liveInputs(inputs: Properties, before: Properties, live: Properties): Properties {
  const entries = Object.entries(inputs).flatMap(([key, input]): [string, Value][] => {
    const [was, is] = [before[key], live[key]];
    if (deepDiff(was, is).length === 0) return [[key, input]];
    if (is === undefined) return [];
    if (isObject(input) && isObject(is)) return [[key, liveInputs(input, isObject(was) ? was : {}, is)]];
    if (Array.isArray(input) && Array.isArray(is) && Array.isArray(was) && input.length === is.length) {
      return [[key, input.map((item, i) => liveItem(item, was[i], is[i] ?? null))]];
    }
    return [[key, is]];
  });
  return Object.fromEntries(entries);
}

function liveItem(input: Value, was: Value | undefined, is: Value): Value {
  if (deepDiff(was, is).length === 0) return input;
  return isObject(input) && isObject(is) ? liveInputs(input, isObject(was) ? was : {}, is) : is;
}
