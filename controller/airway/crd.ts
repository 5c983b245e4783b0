/**
 * The CustomResourceDefinition of an Airway: its template, made fit for the controller (contract §2.1 step 4).
 *
 * Deliberate differences from yoke: a declared `scale` subresource is kept; `status.conditions` is injected into a
 * `status` without properties too; `status.atc` is added for the controller's own record; a version without printer
 * columns gets the ones that say how an instance is doing.
 */
import { recordOf } from "../../lib/json.ts";
import type { KubeObject } from "../kube/object.ts";
import { errors } from "./errors.ts";
import type { AirwaySpec, CrdVersion } from "./spec.ts";

type Schema = Record<string, unknown>;

/** metav1.Condition; a list whose entries are told apart by type, so that several writers can share it. */
export const conditionsSchema = {
  type: "array",
  description: "What the controller and the flight report about the instance, one entry per type.",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["type"],
  items: {
    type: "object",
    required: ["lastTransitionTime", "message", "reason", "status", "type"],
    properties: {
      lastTransitionTime: { type: "string", format: "date-time" },
      message: { type: "string" },
      observedGeneration: { type: "integer", format: "int64" },
      reason: { type: "string" },
      status: { type: "string" },
      type: { type: "string" },
    },
  },
} as const;

export const recordSchema = {
  type: "object",
  description: "The controller's own record: what it rendered last, from what, and why. Not for writing by hand.",
  "x-kubernetes-preserve-unknown-fields": true,
} as const;

const printerColumns = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Message", type: "string", priority: 1, jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
] as const;

/**
 * The CRD to apply with field manager `yoke`.
 *
 * @param converter how the API server reaches the Airway's converter (`clientConfig`); absent: as the template says
 * @throws AIRWAY_STATUS_INVALID when the template's status cannot carry conditions.
 */
export function instanceCrd(airway: KubeObject, spec: AirwaySpec, converter?: unknown): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: airway.metadata.name,
      ownerReferences: [
        {
          apiVersion: airway.apiVersion,
          kind: airway.kind,
          name: airway.metadata.name,
          uid: airway.metadata.uid ?? "",
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      ...spec.template,
      versions: spec.template.versions.map(version => instanceVersion(airway.metadata.name, version)),
      ...(converter === undefined ? {} : { conversion: conversionBy(converter) }),
    },
  };
}

function conversionBy(clientConfig: unknown): Schema {
  return { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } };
}

function instanceVersion(airway: string, version: CrdVersion): CrdVersion {
  const path = `spec.template.versions[${version.name}].schema.openAPIV3Schema`;
  const scale = version.subresources?.["scale"];
  const columns = version.additionalPrinterColumns ?? [];
  return {
    ...version,
    schema: { openAPIV3Schema: withStatus(airway, path, version.schema?.openAPIV3Schema ?? { type: "object" }) },
    subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
    additionalPrinterColumns: columns.length > 0 ? columns : [...printerColumns],
  };
}

/** The root schema with a status that holds `conditions` and `atc`, and is never required: it comes after creation. */
function withStatus(airway: string, path: string, root: Schema): Schema {
  const properties = recordOf(root["properties"]);
  const required = Array.isArray(root["required"]) ? root["required"].filter(name => name !== "status") : [];
  const { required: _, ...rest } = root;
  return {
    ...rest,
    properties: { ...properties, status: statusSchema(airway, `${path}.properties.status`, properties["status"]) },
    ...(required.length > 0 ? { required } : {}),
  };
}

function statusSchema(airway: string, path: string, declared: unknown): Schema {
  if (declared === undefined)
    return { type: "object", properties: { conditions: conditionsSchema, atc: recordSchema } };
  const status = recordOf(declared);
  if (status["type"] !== "object")
    throw errors.AIRWAY_STATUS_INVALID({ airway, path: `${path}.type`, problem: "status must have type object" });
  if (status["additionalProperties"] !== undefined)
    throw errors.AIRWAY_STATUS_INVALID({
      airway,
      path: `${path}.additionalProperties`,
      problem: "status must list its properties, because conditions are added to them",
    });
  const properties = recordOf(status["properties"]);
  if (properties["atc"] !== undefined)
    throw errors.AIRWAY_STATUS_INVALID({
      airway,
      path: `${path}.properties.atc`,
      problem: "the name atc is taken by the controller's own record",
    });
  const conditions = checkedConditions(airway, `${path}.properties.conditions`, properties["conditions"]);
  return { ...status, properties: { ...properties, conditions, atc: recordSchema } };
}

/** The declared conditions when they are those of Kubernetes in type, property set and required fields. */
function checkedConditions(airway: string, path: string, declared: unknown): Schema {
  if (declared === undefined) return { ...conditionsSchema };
  const refuse = (at: string, problem: string) =>
    errors.AIRWAY_STATUS_INVALID({ airway, path: `${path}${at}`, problem });
  const conditions = recordOf(declared);
  if (conditions["type"] !== "array") throw refuse(".type", "conditions must be an array");
  const items = recordOf(conditions["items"]);
  if (items["type"] !== "object") throw refuse(".items.type", "a condition must have type object");
  const properties = recordOf(items["properties"]);
  const expected = conditionsSchema.items.properties;
  for (const [name, schema] of Object.entries(expected))
    if (recordOf(properties[name])["type"] !== schema.type)
      throw refuse(`.items.properties.${name}`, `must be declared with type ${schema.type}`);
  for (const name of Object.keys(properties))
    if (!Object.hasOwn(expected, name)) throw refuse(`.items.properties.${name}`, "is not a field of a condition");
  const required = Array.isArray(items["required"]) ? items["required"] : [];
  for (const name of conditionsSchema.items.required)
    if (!required.includes(name)) throw refuse(".items.required", `must contain ${name}`);
  // Whatever list type is declared: only a map lets the controller write its Ready beside the flight's conditions.
  return { ...conditions, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] };
}
