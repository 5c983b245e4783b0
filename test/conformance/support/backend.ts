/** The Backend of the scenarios, in both of its versions. */

const text = { type: "string" };
const number = { type: "integer" };
const texts = { type: "object", additionalProperties: text };
const common = { replicas: number, nodePort: number, port: number, healthcheck: text };

function version(name: string, storage: boolean, properties: unknown) {
  const spec = { type: "object", required: ["replicas"], properties };
  return { name, served: true, storage, schema: { openAPIV3Schema: { type: "object", properties: { spec } } } };
}

const meta = { type: "object", properties: { labels: texts, annotations: texts } };
const v1 = (storage: boolean) => version("v1", storage, { ...common, image: text, labels: texts });
const v2 = version("v2", true, { ...common, img: text, meta });

/** Templates: version v1 alone; both, v2 being stored. */
export const backendV1 = { versions: [v1(true)] };
export const backendV2 = { versions: [v1(false), v2] };

/** A Backend's spec in version v1. */
export const backend = (replicas: number, labels: Readonly<Record<string, string>> = {}) => ({
  image: "nginx:latest",
  replicas,
  labels,
});
