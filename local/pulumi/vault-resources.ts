/** The Vault resource that this project uses: a secret of a kv engine, version 2. */
import { jsonOf } from "../../lib/json.ts";
import { errors } from "./errors.ts";
import type { VaultClient } from "./vault-client.ts";
import { isObject, type Properties, UNKNOWN, type Value } from "./wire.ts";

export interface VaultResource {
  readonly inputs: readonly string[];
  /** Inputs that make up the id: a change needs a new resource. */
  readonly address: readonly string[];
  readonly secret?: readonly string[];
  /** Outputs that only Vault knows. */
  readonly computed?: readonly string[];
  readonly autonamed?: boolean;
  id(inputs: Properties): string;
  /** Outputs that follow from the inputs alone. */
  derived?(inputs: Properties): Properties;
  parseId(id: string): Properties;
  /** Writes and returns the computed outputs. */
  write(call: Call, inputs: Properties): Promise<Properties>;
  /** Live inputs and computed outputs; undefined if gone. `inputs` hold the address and what the program set. */
  read(call: Call, inputs: Properties): Promise<{ inputs: Properties; computed: Properties } | undefined>;
  remove(call: Call, inputs: Properties): Promise<void>;
}

/** The client, bound to the signal of one operation. */
export type Call = (method: string, path: string, body?: Properties) => ReturnType<VaultClient["call"]>;

const snake = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

const pick = (from: Properties, names: readonly string[]): Properties =>
  Object.fromEntries(names.flatMap(name => (from[name] === undefined ? [] : [[name, from[name]]])));

/** The API's body for these inputs. */
function fields(names: readonly string[], inputs: Properties): Properties {
  return Object.fromEntries(Object.entries(pick(inputs, names)).map(([name, value]) => [snake(name), value]));
}

const equalJson = (a: Value, b: Value): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]): [string, Value] => [key, sorted(item)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseJson(text: Value | undefined): Value | undefined {
  return typeof text === "string" ? (jsonOf(text) as Value | undefined) : undefined;
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

export const vaultResources: Readonly<Record<string, VaultResource>> = {
  "vault:kv/secretV2:SecretV2": secretV2,
};

/** True if the id depends on something that a preview does not know. */
export const hasUnknownAddress = (resource: VaultResource, inputs: Properties): boolean =>
  resource.address.some(name => inputs[name] === UNKNOWN);
