/** Files that stand for an API server, or for some objects of one, while a flight renders. */

import {
  groupKind,
  type KubeObject,
  type ObjectRef,
  parseApiVersion,
  type ResourceType,
  refOf,
} from "../kube/object.ts";
import type { Source } from "../reconcile/context.ts";

/** The given objects stand in place of the live ones. What is not served is what the files define. */
export function overlay({ client }: Source, objects: readonly KubeObject[]): Source {
  return {
    client: {
      discovery: client.discovery,
      async get(ref, options) {
        return objects.find(object => isSame(refOf(object), ref)) ?? client.get(ref, options);
      },
    },
  };
}

/** In whatever version: files are not converted. */
export function isSame(a: ObjectRef, b: ObjectRef): boolean {
  return groupKind(a) === groupKind(b) && a.namespace === b.namespace && a.name === b.name;
}

export interface OfflineSource extends Source {
  /** Kinds of which nothing said whether they are namespaced, as `Kind.group`. */
  readonly guessed: ReadonlySet<string>;
}

/**
 * A cluster without objects. Its kinds are Kubernetes' own and those that the files define (CRDs and Airways); any other
 * is taken for namespaced, unless it is called `Cluster…`.
 */
export function offlineSource(definitions: readonly KubeObject[]): OfflineSource {
  const defined = new Map(definitions.flatMap(definedKinds).map(type => [groupKind(type), type]));
  const guessed = new Set<string>();
  const resolve = async (apiVersion: string, kind: string): Promise<ResourceType> => {
    const { group, version } = parseApiVersion(apiVersion);
    const known = defined.get(groupKind({ apiVersion, kind }));
    if (known !== undefined) return { ...known, version, apiVersion };
    if (!isKubernetes(group)) guessed.add(groupKind({ apiVersion, kind }));
    const namespaced = isKubernetes(group) ? !clusterScoped.has(kind) : !kind.startsWith("Cluster");
    return { group, version, apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced };
  };
  return {
    guessed,
    client: {
      get: async () => undefined,
      discovery: {
        resolve,
        preferred: async (group, kind) => {
          const known = defined.get(group === "" ? kind : `${kind}.${group}`);
          return known ?? (await resolve(group === "" ? "v1" : `${group}/v1`, kind));
        },
      },
    },
  };
}

/** Also yoke's own, which has a version of its own. */
function isKubernetes(group: string): boolean {
  return !group.includes(".") || group.endsWith(".k8s.io") || group === "yoke.cd";
}

const clusterScoped: ReadonlySet<string> = new Set([
  ...["Namespace", "Node", "PersistentVolume", "ComponentStatus", "APIService", "CustomResourceDefinition"],
  ...["ClusterRole", "ClusterRoleBinding", "ClusterTrustBundle", "CertificateSigningRequest", "PriorityClass"],
  ...["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy"],
  ...["ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
  ...["StorageClass", "VolumeAttachment", "VolumeAttributesClass", "CSIDriver", "CSINode", "IngressClass"],
  ...["IPAddress", "ServiceCIDR", "RuntimeClass", "FlowSchema", "PriorityLevelConfiguration", "DeviceClass"],
  ...["ResourceSlice", "TokenReview", "SubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectReview"],
  ...["Airway", "ClusterFlight"],
]);

/** What a CRD defines, or an Airway's template; as far as somebody may have written it. */
function definedKinds(object: KubeObject): ResourceType[] {
  const spec = (object["spec"] ?? {}) as { template?: Template } & Template;
  const kind = groupKind(object);
  if (kind === "Airway.yoke.cd") return typesOf(spec.template);
  return kind === "CustomResourceDefinition.apiextensions.k8s.io" ? typesOf(spec) : [];
}

interface Template {
  group?: string;
  scope?: string;
  names?: { kind?: string; plural?: string };
  versions?: { name?: string; storage?: boolean }[];
}

/** The storage version alone; the others have the same names and scope. */
function typesOf({ group = "", scope, names, versions = [] }: Template = {}): ResourceType[] {
  const { name: version } = versions.find(({ storage }) => storage === true) ?? versions[0] ?? {};
  if (names?.kind === undefined || names.plural === undefined || version === undefined) return [];
  const { kind, plural } = names;
  return [{ group, version, apiVersion: `${group}/${version}`, kind, plural, namespaced: scope !== "Cluster" }];
}
