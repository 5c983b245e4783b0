/** What the API server does to an instance before a flight sees it, as far as it is needed offline: defaults of the schema. */

import { isRecord } from "../../lib/json.ts";
import { type KubeObject, parseApiVersion } from "../kube/object.ts";

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** @param airway that defines the instance's kind */
export function withDefaults(instance: KubeObject, airway: KubeObject): KubeObject {
  const { template } = (airway["spec"] ?? {}) as {
    template?: { versions?: { name?: string; schema?: { openAPIV3Schema?: Schema } }[] };
  };
  const { version } = parseApiVersion(instance.apiVersion);
  const schema = template?.versions?.find(({ name }) => name === version)?.schema?.openAPIV3Schema;
  return schema === undefined ? instance : (defaulted(instance, schema) as KubeObject);
}

/** Source: Kubernetes structural schemas; a default counts where the field is absent, and is not looked into any further. */
function defaulted(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value))
    return schema.items === undefined ? value : value.map(item => defaulted(item, schema.items ?? {}));
  if (!isRecord(value)) return value;
  const { properties = {}, additionalProperties } = schema;
  const absent = Object.entries(properties).filter(
    ([field, { default: fallback }]) => fallback !== undefined && !(field in value),
  );
  const others = typeof additionalProperties === "object" ? additionalProperties : {};
  const filled = {
    ...value,
    ...Object.fromEntries(absent.map(([field, { default: fallback }]) => [field, structuredClone(fallback)])),
  };
  return Object.fromEntries(
    Object.entries(filled).map(([field, inner]) => [field, defaulted(inner, properties[field] ?? others)]),
  );
}
