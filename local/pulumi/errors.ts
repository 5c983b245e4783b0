import { defineErrors } from "../../lib/errors.ts";

/** What the Pulumi stand-ins say when they cannot do what the program asks. */
export const errors = defineErrors({
  PULUMI_TYPE_UNKNOWN: {
    message: (f: { package: string; token: string }) => `the ${f.package} stand-in does not know ${f.token}`,
    todo: "Install the official provider (pulumi plugin install resource NAME VERSION) or use a type that local/pulumi/ lists.",
  },
  PULUMI_INPUT_UNSUPPORTED: {
    message: (f: { package: string; token: string; input: string }) =>
      `the ${f.package} stand-in does not support ${f.input} of ${f.token}`,
    todo: "Leave the input out, or install the official provider (pulumi plugin install resource NAME VERSION).",
  },
  PULUMI_NOT_CONFIGURED: {
    message: (f: { package: string }) => `the ${f.package} provider was used before it was configured`,
    todo: "Run the command again; if it persists, report it with the output of pulumi about.",
  },
  PULUMI_TIMEOUT: {
    message: (f: { seconds: number }) => `not done after ${f.seconds} s`,
    todo: "Find out what it waits for, or allow more time with customTimeouts.",
  },
  PULUMI_COMMAND_FAILED: {
    message: (f: { command: string; outcome: string; output: string }) =>
      `${f.outcome}: running "${f.command}":\n${f.output}`,
    todo: "Read the command's own output above, mend the cause and run it again.",
  },
  VAULT_UNREACHABLE: {
    message: (f: { address: string }) => `no answer from Vault at ${f.address}`,
    todo: "Start Vault, or set the provider's address to the one it listens on.",
  },
  VAULT_REFUSED: {
    message: (f: { method: string; path: string; status: number; reason: string }) =>
      `Vault answered ${f.status} to ${f.method} ${f.path}: ${f.reason}`,
    todo: "Check the token's policies and that the path is mounted and free.",
  },
  VAULT_MOUNT_MISSING: {
    message: (f: { mount: string }) => `Vault has no kv version 2 engine at ${f.mount}`,
    todo: "Mount one (vault.Mount with type kv and options.version 2) or name the mount that exists.",
  },
  VAULT_DATA_INVALID: {
    message: (f: { path: string }) => `dataJson of ${f.path} is not a JSON object`,
    todo: "Give an object, for example pulumi.jsonStringify({ key: value }).",
  },
  KUBECONFIG_UNREADABLE: {
    message: (f: { source: string }) => `${f.source} is no readable kubeconfig`,
    todo: "Give the provider a kubeconfig's text or the path of one.",
  },
  KUBECONFIG_NO_CLUSTER: {
    message: (f: { context: string }) => `the kubeconfig names no cluster (context: ${f.context})`,
    todo: "Set current-context, or the provider's context or cluster.",
  },
  KUBECONFIG_LOGIN_UNSUPPORTED: {
    message: () =>
      "the kubeconfig logs in through a program (exec or auth-provider), which the kubernetes stand-in does not",
    todo: "Use a token or a client certificate, or install the official provider (pulumi plugin install resource kubernetes).",
  },
  KUBERNETES_UNREACHABLE: {
    message: (f: { server: string }) => `no answer from the API server at ${f.server}`,
    todo: "Start the cluster. If it is gone for good, set PULUMI_K8S_DELETE_UNREACHABLE=true to forget what was in it.",
  },
  KUBERNETES_REFUSED: {
    message: (f: { method: string; path: string; status: number; reason: string }) =>
      `the API server answered ${f.status} to ${f.method} ${f.path}: ${f.reason}`,
    todo: "Mend the resource as the API server says, or the rights of the kubeconfig's user.",
  },
  KUBERNETES_CONFLICT: {
    message: (f: { method: string; path: string; status: number; reason: string }) =>
      `${f.method} ${f.path} would take fields that another manager owns: ${f.reason}`,
    todo: 'Leave the fields to it (ignoreChanges), or take them with the annotation pulumi.com/patchForce: "true".',
  },
  KUBERNETES_KIND_MISSING: {
    message: (f: { apiVersion: string; kind: string }) => `the API server has no kind ${f.kind} in ${f.apiVersion}`,
    todo: "Create its CustomResourceDefinition first and let this resource depend on it.",
  },
  KUBERNETES_EXISTS: {
    message: (f: { kind: string; id: string }) => `${f.kind} ${f.id} exists already and is not in this stack`,
    todo: "If it is yours, from a run that was killed, run once with PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true to take it over. Else leave it, and take another cluster.",
  },
  KUBERNETES_WAIT_INVALID: {
    message: (f: { annotation: string }) => `pulumi.com/waitFor cannot be read: ${f.annotation}`,
    todo: "Write condition=TYPE, condition=TYPE=STATUS, jsonpath={.path}=value, or a JSON array of them.",
  },
  KUBERNETES_NOT_READY: {
    message: (f: { kind: string; id: string; missing: string }) =>
      `${f.kind} ${f.id} exists but is not ready: ${f.missing}`,
    todo: "Mend the cause and run the command again; a longer wait is set by customTimeouts.",
  },
  KUBERNETES_NOT_GONE: {
    message: (f: { kind: string; id: string; finalizers: string }) =>
      `${f.kind} ${f.id} was deleted but is still there (finalizers: ${f.finalizers})`,
    todo: "Start the controller that owns the finalizers, or remove them by hand.",
  },
  HELM_MISSING: {
    message: () => "helm.v3.Release needs the program helm, which is not on PATH",
    todo: "Install helm 3.14 or newer, or the official provider (pulumi plugin install resource kubernetes).",
  },
  HELM_FAILED: {
    message: (f: { command: string; id: string; outcome: string; output: string }) =>
      `helm ${f.command} of ${f.id}: ${f.outcome}\n${f.output}`,
    todo: "Read helm's own message above; `kubectl get pods,events` in the namespace shows what is not ready, `helm status` what is there.",
  },
});
