/**
 * Kinds of resources: each makes objects and names what to look up.
 *
 * The types hold what flights use most and leave the rest open; `resource()` describes any other kind.
 */

export interface Metadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string | undefined>> | undefined;
  readonly annotations?: Readonly<Record<string, string | undefined>> | undefined;
  /** Of live objects only, as the rest below. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
}

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
}

export type Scope = "Namespaced" | "Cluster";

/** Call it to make an object: `ConfigMap({ metadata: { name }, data })`. Give it to `lookup` to get one. */
export interface Kind<T extends Resource> {
  (fields: Omit<T, "apiVersion" | "kind">): T;
  readonly apiVersion: string;
  readonly kind: string;
  readonly scope: Scope;
}

/**
 * A kind of your own or of an operator.
 *
 * @example
 * interface Certificate extends Resource { spec: { secretName: string } }
 * const Certificate = resource<Certificate>("cert-manager.io/v1", "Certificate");
 */
// @__NO_SIDE_EFFECTS__ (kinds that a flight does not use stay out of its bundle)
export function resource<T extends Resource>(apiVersion: string, kind: string, scope: Scope = "Namespaced"): Kind<T> {
  const make = (fields: Omit<T, "apiVersion" | "kind">) => ({ apiVersion, kind, ...fields }) as T;
  return Object.assign(make, { apiVersion, kind, scope });
}

/** Values of `data` are base64. */
export interface Secret extends Resource {
  readonly type?: string | undefined;
  readonly immutable?: boolean | undefined;
  readonly data?: Readonly<Record<string, string>> | undefined;
  readonly stringData?: Readonly<Record<string, string>> | undefined;
}
export const Secret = resource<Secret>("v1", "Secret");

export interface ConfigMap extends Resource {
  readonly immutable?: boolean | undefined;
  readonly data?: Readonly<Record<string, string>> | undefined;
  readonly binaryData?: Readonly<Record<string, string>> | undefined;
}
export const ConfigMap = resource<ConfigMap>("v1", "ConfigMap");

export interface Namespace extends Resource {}
export const Namespace = resource<Namespace>("v1", "Namespace", "Cluster");

export interface ServiceAccount extends Resource {
  readonly automountServiceAccountToken?: boolean | undefined;
}
export const ServiceAccount = resource<ServiceAccount>("v1", "ServiceAccount");

export interface Service extends Resource {
  readonly spec: {
    readonly type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName" | undefined;
    readonly selector?: Readonly<Record<string, string>> | undefined;
    readonly ports?:
      | readonly {
          readonly name?: string | undefined;
          readonly port: number;
          readonly targetPort?: number | string | undefined;
          readonly nodePort?: number | undefined;
          readonly protocol?: "TCP" | "UDP" | "SCTP" | undefined;
        }[]
      | undefined;
    readonly [field: string]: unknown;
  };
}
export const Service = resource<Service>("v1", "Service");

export interface EnvVar {
  readonly name: string;
  readonly value?: string | undefined;
  readonly valueFrom?:
    | {
        readonly secretKeyRef?: {
          readonly name: string;
          readonly key: string;
          readonly optional?: boolean | undefined;
        };
        readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
        readonly fieldRef?: { readonly fieldPath: string };
      }
    | undefined;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: readonly EnvVar[] | undefined;
  readonly ports?: readonly { readonly name?: string | undefined; readonly containerPort: number }[] | undefined;
  readonly [field: string]: unknown;
}

export interface PodTemplate {
  readonly metadata?: Omit<Metadata, "name"> | undefined;
  readonly spec: {
    readonly containers: readonly Container[];
    readonly serviceAccountName?: string | undefined;
    readonly [field: string]: unknown;
  };
}

export interface Deployment extends Resource {
  readonly spec: {
    readonly replicas?: number | undefined;
    readonly paused?: boolean | undefined;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: PodTemplate;
    readonly [field: string]: unknown;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
  };
}
export const Deployment = resource<Deployment>("apps/v1", "Deployment");

export interface StatefulSet extends Resource {
  readonly spec: {
    readonly serviceName: string;
    readonly replicas?: number | undefined;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: PodTemplate;
    readonly [field: string]: unknown;
  };
}
export const StatefulSet = resource<StatefulSet>("apps/v1", "StatefulSet");

export interface Job extends Resource {
  readonly spec: { readonly template: PodTemplate; readonly [field: string]: unknown };
}
export const Job = resource<Job>("batch/v1", "Job");
