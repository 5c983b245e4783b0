import { defineErrors } from "../../lib/errors.ts";

/** What the Pulumi stand-ins say when they cannot do what the program asks. */
export const errors = defineErrors({
  PULUMI_TYPE_UNKNOWN: {
    message: (f: { package: string; version: string; token: string }) =>
      `the ${f.package} stand-in does not know ${f.token}`,
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
});
