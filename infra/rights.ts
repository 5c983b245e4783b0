/**
 * What the controller may do, on every substrate: what it needs for the demo and nothing more. No wildcard, and no Secret
 * outside its own namespace and those in which flights render.
 */
import type * as kubernetes from "@pulumi/kubernetes";
import type { Wanted } from "./substrate/substrate.ts";

export type Rule = kubernetes.types.input.rbac.v1.PolicyRule;

const watch = ["get", "list", "watch"];
const write = ["create", "patch", "update", "delete"];

/** The controller's own kinds. */
const ownKinds = ["airways", "flights", "clusterflights"];

const nameOf = ({ group, plural }: Wanted["served"][number]): string => `${plural}.${group}`;

/** In all namespaces: Airways, Flights, the CRDs they make, the instances of the kinds they define, and the webhooks. */
export const clusterRules = (served: Wanted["served"]): Rule[] => [
  ...mayKeepInstances("yoke.cd", ownKinds),
  ...served.flatMap(({ group, plural }) => mayKeepInstances(group, [plural])),
  ...mayKeepNamed("apiextensions.k8s.io", "customresourcedefinitions", [
    ...ownKinds.map(plural => `${plural}.yoke.cd`),
    ...served.map(nameOf),
  ]),
  ...mayKeepNamed("admissionregistration.k8s.io", "validatingwebhookconfigurations", [
    ...["atc-airway", "atc-flight", "atc-resources"],
    ...served.map(nameOf),
  ]),
  // Who the controller is itself, and who may set an override.
  { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  // Those with readiness rules may be anywhere, and RBAC knows no labels. `DISABLE_CUSTOM_READINESS` does without.
  { apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] },
  // Static mode lets go of what is in a namespace that ends.
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
];

const mayKeepInstances = (group: string, plurals: readonly string[]): Rule[] => [
  { apiGroups: [group], resources: [...plurals], verbs: [...watch, "patch", "update"] },
  {
    apiGroups: [group],
    resources: plurals.flatMap(plural => [`${plural}/status`, `${plural}/finalizers`]),
    verbs: ["patch", "update"],
  },
];

/** All are watched by one stream, which RBAC cannot bind to names; all writes are server-side applies, which it can. */
const mayKeepNamed = (group: string, plural: string, names: readonly string[]): Rule[] => [
  { apiGroups: [group], resources: [plural], verbs: watch },
  { apiGroups: [group], resources: [plural], resourceNames: [...names], verbs: write },
];

/** Where instances live: what the demo's flight renders and looks up, the revisions, and the Events that tell why. */
export const workRules: readonly Rule[] = [
  { apiGroups: ["apps"], resources: ["deployments"], verbs: [...watch, ...write] },
  { apiGroups: [""], resources: ["secrets"], verbs: [...watch, ...write] },
  { apiGroups: ["external-secrets.io"], resources: ["externalsecrets"], verbs: [...watch, ...write] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** Where the controller lives: flights to read, its certificates and key, the Lease that its replicas share. */
export const ownRules: readonly Rule[] = [
  { apiGroups: [""], resources: ["configmaps"], verbs: watch },
  ...mayMake("", "secrets", ["atc-tls", "atc-keys"]),
  ...mayMake("coordination.k8s.io", "leases", ["atc"]),
];

/** A POST names nothing that RBAC could bind it to. */
function mayMake(group: string, plural: string, names: readonly string[]): Rule[] {
  return [
    { apiGroups: [group], resources: [plural], verbs: ["create"] },
    { apiGroups: [group], resources: [plural], resourceNames: [...names], verbs: [...watch, "patch", "update"] },
  ];
}
