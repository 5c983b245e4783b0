import * as pulumi from "@pulumi/pulumi";
import { CodedError, defineErrors, describeError } from "../lib/errors.ts";

/** What a person can get wrong when they bring the stack up. */
export const errors = defineErrors({
  INFRA_CONFIG_INVALID: {
    message: (f: { key: string; given: string; allowed: string }) =>
      `config ${f.key} is ${f.given}; allowed: ${f.allowed}`,
    todo: "Set it with `npm run pulumi -- config set <key> <value>`; Pulumi.yaml describes every key.",
  },
  INFRA_CONTEXT_UNNAMED: {
    message: (f: { contexts: readonly string[] }) =>
      `substrate existing needs config kubeContext, and takes no context by default; the kubeconfig has: ${f.contexts.join(", ") || "none"}`,
    todo: "Name the cluster to change: `npm run pulumi -- config set kubeContext <context>`.",
  },
  INFRA_CONTEXT_UNKNOWN: {
    message: (f: { context: string; file: string; contexts: readonly string[] }) =>
      `context ${f.context} is not in ${f.file}, which has: ${f.contexts.join(", ") || "none"}`,
    todo: "Set config kubeContext to one of them, or config kubeconfig to another file.",
  },
  INFRA_KUBECONFIG_UNREADABLE: {
    message: (f: { file: string; why: string }) => `kubeconfig ${f.file} cannot be read: ${f.why}`,
    todo: "Set config kubeconfig to the file that holds the context.",
  },
  INFRA_CONFIG_MISSING: {
    message: (f: { key: string; why: string }) => `config ${f.key} is empty, but ${f.why}`,
    todo: "Set it with `npm run pulumi -- config set <key> <value>`; Pulumi.yaml describes every key.",
  },
});

/** Runs part of the program; an error that a person can act on ends it with its text alone, not with a stack trace. */
export async function explain<Result>(part: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await part();
  } catch (error) {
    if (error instanceof CodedError) throw new pulumi.RunError(describeError(error));
    throw error;
  }
}
