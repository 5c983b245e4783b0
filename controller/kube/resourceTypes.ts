/** Kinds that Kubernetes itself serves and the controller knows by name; all others are found by discovery. */
import type { ResourceType } from "./object.ts";

export const configMapType = {
  group: "",
  version: "v1",
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespaced: true,
} as const satisfies ResourceType;

export const secretType = { ...configMapType, kind: "Secret", plural: "secrets" } as const satisfies ResourceType;

export const leaseType = {
  group: "coordination.k8s.io",
  version: "v1",
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
} as const satisfies ResourceType;

export const crdType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
} as const satisfies ResourceType;

export const webhookConfigurationType = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  namespaced: false,
} as const satisfies ResourceType;
