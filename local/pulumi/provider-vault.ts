/** Stand-in for pulumi-resource-vault: the resource of vault-resources.ts. */
import { readFileSync } from "node:fs";
import sdk from "@pulumi/vault/package.json" with { type: "json" };
import { describeError } from "../../lib/errors.ts";
import { errors } from "./errors.ts";
import { serveProvider } from "./protocol.ts";
import type { CallContext, CheckContext, Checked, Resource } from "./provider.ts";
import { createVaultClient, type VaultClient } from "./vault-client.ts";
import { type Call, hasUnknownAddress, type VaultResource, vaultResources } from "./vault-resources.ts";
import { type Properties, UNKNOWN, type Value } from "./wire.ts";

const TIMEOUT_SECONDS = 120;

let client: VaultClient | undefined;

const text = (value: Value | undefined): string | undefined => (typeof value === "string" ? value : undefined);

function configure(settings: Properties): void {
  const caFile = text(settings.caCertFile) ?? process.env.VAULT_CACERT;
  client = createVaultClient({
    address: text(settings.address) ?? process.env.VAULT_ADDR ?? "https://127.0.0.1:8200",
    token: text(settings.token) ?? process.env.VAULT_TOKEN ?? "",
    namespace: text(settings.namespace) ?? process.env.VAULT_NAMESPACE,
    skipTlsVerify: settings.skipTlsVerify === "true",
    ca: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
  });
}

function bind(context: CallContext): Call {
  if (client === undefined) throw errors.PULUMI_NOT_CONFIGURED({ package: "vault" });
  const { call } = client;
  return (method, path, body) => call(method, path, context.signal, body);
}

/** Outputs: the inputs, what follows from them, and what Vault answered. */
const outputsOf = (resource: VaultResource, inputs: Properties, computed: Properties): Properties => ({
  ...inputs,
  ...resource.derived?.(inputs),
  ...computed,
});

function check(resource: VaultResource, inputs: Properties, context: CheckContext): Checked {
  const unsupported = Object.keys(inputs).filter(name => !resource.inputs.includes(name) && name !== "__defaults");
  if (unsupported.length > 0) {
    const failure = (input: string) =>
      errors.PULUMI_INPUT_UNSUPPORTED({ package: "vault", token: context.type, input });
    return { failures: unsupported.map(input => ({ property: input, reason: describeError(failure(input)) })) };
  }
  const named = resource.autonamed && inputs.name === undefined;
  return { ...inputs, ...(named ? { name: context.olds.name ?? context.proposedName } : {}) };
}

/** Without the part of the address that the program left to a default. */
const asGiven = (live: Properties, inputs: Properties): Properties =>
  Object.fromEntries(Object.entries(live).filter(([name]) => inputs[name] !== undefined));

function adapt(resource: VaultResource): Resource {
  const { address, computed = [], secret = [] } = resource;
  return {
    timeoutSeconds: () => TIMEOUT_SECONDS,
    check: (inputs, context) => check(resource, inputs, context),
    replaces: path => address.includes(String(path[0])),
    // Two of one address cannot exist, and deleting the old one last would delete the new one.
    deleteBeforeReplace: (olds, news) => resource.id(olds) === resource.id(news),
    secretOutputs: () => secret,

    preview(inputs) {
      const unknown = Object.fromEntries(computed.map(name => [name, UNKNOWN]));
      const outputs = outputsOf(resource, inputs, unknown);
      if (!hasUnknownAddress(resource, inputs)) return outputs;
      const derived = Object.keys(resource.derived?.(inputs) ?? {});
      return { ...outputs, ...Object.fromEntries(derived.map(name => [name, UNKNOWN])) };
    },

    async create(inputs, context) {
      const answered = await resource.write(bind(context), inputs);
      return { id: resource.id(inputs), outputs: outputsOf(resource, inputs, answered) };
    },

    async update(_id, inputs, _state, context) {
      return outputsOf(resource, inputs, await resource.write(bind(context), inputs));
    },

    async read(id, state, inputs, context) {
      const live = await resource.read(bind(context), { ...inputs, ...resource.parseId(id) });
      if (live === undefined) return undefined;
      const outputs = { ...state, ...outputsOf(resource, live.inputs, live.computed) };
      return { id, inputs: Object.keys(inputs).length === 0 ? live.inputs : asGiven(live.inputs, inputs), outputs };
    },

    async delete(id, state, _inputs, context) {
      await resource.remove(bind(context), { ...state, ...resource.parseId(id) });
    },
  };
}

await serveProvider({
  name: "vault",
  version: sdk.version,
  configure,
  resource(type) {
    const resource = vaultResources[type];
    return resource === undefined ? undefined : adapt(resource);
  },
});
