/**
 * The controller's own kinds, applied at its start (contract §1). Additions to yoke's: durations are checked by
 * pattern when they are written; columns for readiness and age; `template` accepts every CRD field.
 */
import type { KubeObject } from "../kube/object.ts";
import { accountPattern } from "./account.ts";
import { conditionsSchema, recordSchema } from "./crd.ts";
import { durationPattern } from "./duration.ts";
import { modes } from "./spec.ts";

const yokeGroup = "yoke.cd";
const yokeVersion = "v1alpha1";

type Schema = Record<string, unknown>;

const text = (description: string): Schema => ({ type: "string", description });
const texts = (description: string): Schema => ({ type: "array", items: { type: "string" }, description });
const flag = (description: string): Schema => ({ type: "boolean", description });
const duration = (description: string): Schema => ({ type: "string", pattern: durationPattern, description });
const anything = (description: string): Schema => ({
  type: "object",
  description,
  "x-kubernetes-preserve-unknown-fields": true,
});

/** What Airways, Flights and ClusterFlights have in common. */
const execution = {
  clusterAccess: { ...flag("Whether the flight may look up objects of the cluster."), default: false },
  resourceAccessMatchers: texts(
    "Objects of others that the flight may look up: [namespace/]Kind.group[:name], each part a literal or *.",
  ),
  fixDriftInterval: duration("Render again this long after the last run, for example 5m. Absent: only on change."),
  minRollInterval: duration(
    "Roll no more often than this when looked-up objects change, for example 10m. Absent: as soon as they change.",
  ),
  insecure: flag("Allow plain HTTP and unverified TLS towards an OCI registry."),
  skipAdmissionWebhook: flag("Admit instances without a trial render."),
  historyCapSize: { type: "integer", description: "Revisions kept per release; 0 means 2, negative unlimited." },
  maxMemoryMib: { type: "integer", minimum: 0, description: "Memory of one render in MiB; 0 means 4096." },
  serviceAccountName: {
    type: "string",
    maxLength: 317,
    pattern: accountPattern,
    description:
      "ServiceAccount with whose rights flights look up and apply: <name> in the release's namespace, or <namespace>/<name>. Absent: those of the controller.",
  },
  timeout: duration("Time of one render; absent or 0 means 10s, negative no limit."),
  prune: {
    type: "object",
    description: "What is deleted, not just let go, when it leaves a release.",
    properties: { crds: flag("Delete CRDs."), namespaces: flag("Delete Namespaces.") },
  },
} as const;

const template = {
  ...anything("The CustomResourceDefinitionSpec of the kind that this Airway defines."),
  required: ["group", "names", "scope", "versions"],
  properties: {
    group: text("API group of the kind."),
    names: {
      ...anything("Names of the kind; the Airway is called <plural>.<group>."),
      required: ["kind", "plural"],
      properties: { kind: text("For example Backend."), plural: text("For example backends.") },
    },
    scope: { type: "string", enum: ["Namespaced", "Cluster"], description: "Where instances live." },
    versions: {
      type: "array",
      description: "Versions of the kind; exactly one has storage: true.",
      items: {
        ...anything("A CustomResourceDefinitionVersion."),
        required: ["name", "served", "storage"],
        properties: {
          name: text("For example v1."),
          served: flag("Whether the API serves it."),
          storage: flag("Whether instances are kept in it; flights see this version."),
        },
      },
    },
  },
};

const airwaySpec = {
  type: "object",
  required: ["template", "wasmUrls"],
  properties: {
    ...execution,
    wasmUrls: {
      type: "object",
      description: "Where the programs are. The name is yoke's; JavaScript and WebAssembly are told apart by content.",
      required: ["flight"],
      properties: {
        flight: text("URL of the flight."),
        flightChecksum: text("sha256 of the uncompressed flight, hexadecimal."),
        converter: text("URL of the program that converts instances between versions."),
        converterChecksum: text("sha256 of the uncompressed converter, hexadecimal."),
      },
    },
    objectPath: texts("Path inside the instance whose value becomes the flight's input; absent: the whole instance."),
    mode: { type: "string", enum: [...modes], default: "standard", description: "When an instance is rendered again." },
    template,
  },
};

const flightSpec = {
  type: "object",
  required: ["wasmUrl"],
  properties: {
    ...execution,
    wasmUrl: text("URL of the flight."),
    checksum: text("sha256 of the uncompressed flight, hexadecimal."),
    input: text("The flight's input as it is; wins over inputObject."),
    inputObject: anything("The flight's input, given as JSON."),
    args: texts("Arguments of the flight."),
  },
};

const inventory = {
  type: "array",
  items: {
    type: "object",
    required: ["ready", "resource", "version"],
    properties: { ready: { type: "boolean" }, resource: { type: "string" }, version: { type: "string" } },
  },
};

const accessColumns = [
  { name: "cluster_access", type: "boolean", jsonPath: ".spec.clusterAccess" },
  { name: "fix_drift_interval", type: "string", format: "date", jsonPath: ".spec.fixDriftInterval" },
  { name: "ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

interface OwnKind {
  kind: string;
  plural: string;
  scope: "Namespaced" | "Cluster";
  spec: Schema;
  status: Schema;
  columns: Schema[];
}

function crd(own: OwnKind): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${own.plural}.${yokeGroup}` },
    spec: {
      group: yokeGroup,
      scope: own.scope,
      names: {
        kind: own.kind,
        listKind: `${own.kind}List`,
        plural: own.plural,
        singular: own.kind.toLowerCase(),
      },
      versions: [
        {
          name: yokeVersion,
          served: true,
          storage: true,
          additionalPrinterColumns: own.columns,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: "object",
              required: ["spec"],
              properties: { spec: own.spec, status: { type: "object", properties: own.status } },
            },
          },
        },
      ],
    },
  };
}

export const airwayCrd: KubeObject = crd({
  kind: "Airway",
  plural: "airways",
  scope: "Cluster",
  spec: airwaySpec,
  status: { conditions: conditionsSchema, atc: anything("What the controller remembers: the flight that serves.") },
  columns: [
    { name: "flight", type: "string", jsonPath: ".spec.wasmUrls.flight" },
    { name: "mode", type: "string", jsonPath: ".spec.mode" },
    ...accessColumns,
  ],
});

const flightColumns = [{ name: "flight", type: "string", jsonPath: ".spec.wasmUrl" }, ...accessColumns];
const flightStatus = { conditions: conditionsSchema, inventory, atc: recordSchema };

export const flightCrd: KubeObject = crd({
  kind: "Flight",
  plural: "flights",
  scope: "Namespaced",
  spec: flightSpec,
  status: flightStatus,
  columns: flightColumns,
});

export const clusterFlightCrd: KubeObject = crd({
  kind: "ClusterFlight",
  plural: "clusterflights",
  scope: "Cluster",
  spec: flightSpec,
  status: flightStatus,
  columns: flightColumns,
});
