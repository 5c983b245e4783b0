/** The Vault resources that this project uses, as tables: inputs, address, and how to write, read and remove them. */
import { errors } from "./errors.ts";
import type { VaultClient } from "./vault-client.ts";
import { isObject, type Properties, UNKNOWN, type Value } from "./wire.ts";

export interface VaultResource {
  readonly inputs: readonly string[];
  /** Inputs that make up the id: a change needs a new resource. */
  readonly address: readonly string[];
  readonly replaceOn?: readonly string[];
  readonly secret?: readonly string[];
  /** Outputs that only Vault knows. */
  readonly computed?: readonly string[];
  readonly defaults?: Readonly<Properties>;
  readonly autonamed?: boolean;
  id(inputs: Properties): string;
  /** Outputs that follow from the inputs alone. */
  derived?(inputs: Properties): Properties;
  parseId(id: string): Properties;
  /** Writes and returns the computed outputs. `olds` is undefined on create. */
  write(call: Call, inputs: Properties, olds: Properties | undefined): Promise<Properties>;
  /** Live inputs and computed outputs; undefined if gone. `inputs` hold the address and what the program set. */
  read(call: Call, inputs: Properties): Promise<{ inputs: Properties; computed: Properties } | undefined>;
  remove(call: Call, inputs: Properties): Promise<void>;
}

/** The client, bound to the signal of one operation. */
export type Call = (method: string, path: string, body?: Properties) => ReturnType<VaultClient["call"]>;

const snake = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

const pick = (from: Properties, names: readonly string[]): Properties =>
  Object.fromEntries(names.flatMap(name => (from[name] === undefined ? [] : [[name, from[name]]])));

/** Vault keeps a field that a write leaves out, so a removed input is written as empty. */
function emptied(value: Value): Value {
  if (Array.isArray(value)) return [];
  if (isObject(value)) return {};
  if (typeof value === "number") return 0;
  return typeof value === "boolean" ? false : "";
}

/** The API's body for these inputs; what `olds` had and `inputs` lack is emptied. */
export function fields(names: readonly string[], inputs: Properties, olds: Properties = {}): Properties {
  const removed = Object.entries(pick(olds, names)).map(([name, value]): [string, Value] => [name, emptied(value)]);
  const all = { ...Object.fromEntries(removed), ...pick(inputs, names) };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [snake(name), value]));
}

const isEmpty = (value: Value): boolean =>
  value === "" || value === 0 || value === false || value === null || (Array.isArray(value) && value.length === 0);

/**
 * Live values under the program's names: those that the program set, or all that are not empty when nothing is known
 * (an import).
 */
export function liveInputs(names: readonly string[], live: Properties, given: Properties): Properties {
  const known = names.filter(name => given[name] !== undefined);
  const shown = known.length > 0 ? known : names.filter(name => !isEmpty(live[snake(name)] ?? null));
  // Vault does not give back what is secret: then the state keeps its value.
  return Object.fromEntries(
    shown.flatMap(name => {
      const value = live[snake(name)] ?? given[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

const equalJson = (a: Value, b: Value): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]): [string, Value] => [key, sorted(item)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseJson(text: Value | undefined): Value | undefined {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** What the official provider shows of a document: every value as text. */
const asText = (value: Value): string => (typeof value === "string" ? value : JSON.stringify(value));
const textMap = (value: Value | undefined): Properties =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asText(item ?? "")])) : {};

const metadataFields = ["maxVersions", "casRequired", "deleteVersionAfter"] as const;

const secretV2: VaultResource = {
  inputs: ["mount", "name", "dataJson", "cas", "options", "disableRead", "deleteAllVersions", "customMetadata"],
  address: ["mount", "name"],
  secret: ["dataJson", "data"],
  computed: ["data", "metadata"],
  autonamed: true,
  id: inputs => `${inputs.mount}/data/${inputs.name}`,
  derived: inputs => ({ path: secretV2.id(inputs) }),
  parseId(id) {
    const [mount = "", ...rest] = id.split("/data/");
    return { mount, name: rest.join("/data/") };
  },

  async write(call, inputs) {
    const data = parseJson(inputs.dataJson);
    if (!isObject(data)) throw errors.VAULT_DATA_INVALID({ path: secretV2.id(inputs) });
    const cas = inputs.cas === undefined ? {} : { cas: inputs.cas };
    const options = { ...(isObject(inputs.options) ? inputs.options : {}), ...cas };
    const metadata = await call("POST", secretV2.id(inputs), { data, options });
    if (metadata === undefined) throw errors.VAULT_MOUNT_MISSING({ mount: String(inputs.mount) });
    const custom = inputs.customMetadata;
    if (isObject(custom)) {
      const body = { ...fields(metadataFields, custom), custom_metadata: custom.data ?? {} };
      await call("POST", `${inputs.mount}/metadata/${inputs.name}`, body);
    }
    return { data: textMap(data), metadata: textMap(metadata) };
  },

  async read(call, inputs) {
    if (inputs.disableRead === true) return { inputs, computed: {} };
    const answer = await call("GET", secretV2.id(inputs));
    if (answer === undefined || !isObject(answer.data)) return undefined;
    const same = equalJson(parseJson(inputs.dataJson) ?? null, answer.data);
    const dataJson = same && inputs.dataJson !== undefined ? inputs.dataJson : JSON.stringify(answer.data);
    return {
      inputs: { ...inputs, dataJson },
      computed: { data: textMap(answer.data), metadata: textMap(answer.metadata) },
    };
  },

  async remove(call, inputs) {
    const kind = inputs.deleteAllVersions === true ? "metadata" : "data";
    await call("DELETE", `${inputs.mount}/${kind}/${inputs.name}`);
  },
};

/** Secret engines and auth methods are mounted and tuned alike, below `sys/mounts` and `sys/auth`. */
function mountable(
  table: "sys/mounts" | "sys/auth",
  tuned: readonly string[],
  rest: Pick<VaultResource, "inputs" | "replaceOn"> & { readonly pathOf: (inputs: Properties) => string },
): VaultResource {
  const { pathOf } = rest;
  const find = async (call: Call, inputs: Properties): Promise<Properties | undefined> => {
    const entry = (await call("GET", table))?.[`${pathOf(inputs)}/`];
    return isObject(entry) ? entry : undefined;
  };
  const seconds = (inputs: Properties) => ({
    ...(inputs.defaultLeaseTtlSeconds === undefined ? {} : { default_lease_ttl: `${inputs.defaultLeaseTtlSeconds}s` }),
    ...(inputs.maxLeaseTtlSeconds === undefined ? {} : { max_lease_ttl: `${inputs.maxLeaseTtlSeconds}s` }),
  });
  return {
    inputs: rest.inputs,
    address: ["path"],
    replaceOn: rest.replaceOn ?? [],
    computed: ["accessor"],
    id: pathOf,
    derived: inputs => ({ path: pathOf(inputs) }),
    parseId: id => ({ path: id }),

    async write(call, inputs, olds) {
      const path = `${table}/${pathOf(inputs)}`;
      if (olds === undefined) {
        await call("POST", path, { ...fields(["type", ...tuned], inputs), config: seconds(inputs) });
      } else {
        await call("POST", `${path}/tune`, { ...fields(tuned, inputs, olds), ...seconds(inputs) });
      }
      return { accessor: (await find(call, inputs))?.accessor ?? "" };
    },

    async read(call, inputs) {
      const live = await find(call, inputs);
      if (live === undefined) return undefined;
      const config = isObject(live.config) ? live.config : {};
      const flat = {
        ...live,
        default_lease_ttl_seconds: config.default_lease_ttl ?? 0,
        max_lease_ttl_seconds: config.max_lease_ttl ?? 0,
      };
      const names = rest.inputs.filter(name => name !== "path");
      const address = pick(inputs, ["path"]);
      return {
        inputs: { ...address, ...liveInputs(names, flat, inputs) },
        computed: { accessor: live.accessor ?? "" },
      };
    },

    async remove(call, inputs) {
      await call("DELETE", `${table}/${pathOf(inputs)}`);
    },
  };
}

/** One path of the API that takes and gives back all its fields. */
function endpoint(table: {
  readonly names: readonly string[];
  readonly address: readonly string[];
  readonly secret?: readonly string[];
  readonly defaults?: Readonly<Properties>;
  readonly autonamed?: boolean;
  readonly id: (inputs: Properties) => string;
  readonly path?: (inputs: Properties) => string;
  readonly parseId: (id: string) => Properties;
  /** False where Vault has no way to remove it: it goes with its mount. */
  readonly removable?: boolean;
}): VaultResource {
  const path = table.path ?? table.id;
  return {
    ...table,
    inputs: [...table.address, ...table.names],
    async write(call, inputs, olds) {
      await call("POST", path(inputs), fields(table.names, inputs, olds));
      return {};
    },
    async read(call, inputs) {
      const live = await call("GET", path(inputs));
      if (live === undefined) return undefined;
      return { inputs: { ...pick(inputs, table.address), ...liveInputs(table.names, live, inputs) }, computed: {} };
    },
    async remove(call, inputs) {
      if (table.removable !== false) await call("DELETE", path(inputs));
    },
  };
}

export const vaultResources: Readonly<Record<string, VaultResource>> = {
  "vault:kv/secretV2:SecretV2": secretV2,

  "vault:index/mount:Mount": mountable("sys/mounts", ["description", "options"], {
    inputs: ["path", "type", "description", "options", "defaultLeaseTtlSeconds", "maxLeaseTtlSeconds"],
    replaceOn: ["type"],
    pathOf: inputs => String(inputs.path),
  }),

  "vault:index/authBackend:AuthBackend": mountable("sys/auth", ["description"], {
    inputs: ["type", "path", "description"],
    replaceOn: ["type"],
    pathOf: inputs => String(inputs.path ?? inputs.type),
  }),

  "vault:index/policy:Policy": endpoint({
    names: ["policy"],
    address: ["name"],
    autonamed: true,
    id: inputs => String(inputs.name),
    path: inputs => `sys/policies/acl/${inputs.name}`,
    parseId: id => ({ name: id }),
  }),

  "vault:kubernetes/authBackendConfig:AuthBackendConfig": endpoint({
    names: [
      "kubernetesHost",
      "kubernetesCaCert",
      "tokenReviewerJwt",
      "pemKeys",
      "issuer",
      "disableIssValidation",
      "disableLocalCaJwt",
      "useAnnotationsAsAliasMetadata",
    ],
    address: ["backend"],
    secret: ["tokenReviewerJwt"],
    defaults: { backend: "kubernetes" },
    id: inputs => `auth/${inputs.backend}/config`,
    parseId: id => ({ backend: id.replace(/^auth\//, "").replace(/\/config$/, "") }),
    removable: false,
  }),

  "vault:kubernetes/authBackendRole:AuthBackendRole": endpoint({
    names: [
      "boundServiceAccountNames",
      "boundServiceAccountNamespaces",
      "boundServiceAccountNamespaceSelector",
      "audience",
      "aliasNameSource",
      "tokenBoundCidrs",
      "tokenExplicitMaxTtl",
      "tokenMaxTtl",
      "tokenNoDefaultPolicy",
      "tokenNumUses",
      "tokenPeriod",
      "tokenPolicies",
      "tokenTtl",
      "tokenType",
    ],
    address: ["backend", "roleName"],
    defaults: { backend: "kubernetes" },
    id: inputs => `auth/${inputs.backend}/role/${inputs.roleName}`,
    parseId(id) {
      const [backend = "", ...role] = id.replace(/^auth\//, "").split("/role/");
      return { backend, roleName: role.join("/role/") };
    },
  }),
};

/** True if the id depends on something that a preview does not know. */
export const hasUnknownAddress = (resource: VaultResource, inputs: Properties): boolean =>
  resource.address.some(name => inputs[name] === UNKNOWN);
