/** Runs flights without a cluster, for unit tests. Converters need nothing: see `convert`. */
import type { Flight, Instance } from "./flight.ts";
import type { Call, LookupQuestion, LookupReply, MappingReply, RestMapping } from "./host.ts";
import type { Resource } from "./kinds.ts";
import type { Program } from "./program.ts";
import { run } from "./run.ts";

export interface RenderOptions {
  /** What there is in the cluster. */
  readonly objects?: readonly Resource[];
  /** Which kinds it serves. */
  readonly mappings?: readonly RestMapping[];
  /** Instead of an object or "not found". */
  readonly refuse?: (question: LookupQuestion) => LookupReply | undefined;
}

export interface Rendered {
  /** All objects, in the order of their stages. */
  readonly resources: readonly Resource[];
  readonly stages: readonly (readonly Resource[])[];
  /** What was looked up, in order. */
  readonly lookups: readonly LookupQuestion[];
}

/** Renders one custom resource as the controller does, with lookups answered from a list. */
export function render(flight: Flight, instance: Instance, options: RenderOptions = {}): Rendered {
  const { name, namespace } = instance.metadata;
  const release = [flight.group, flight.kind, namespace, name].filter(part => part !== undefined).join(".");
  return answering(options, answers =>
    run(flight, {
      stdin: JSON.stringify(instance),
      args: [release],
      env: { NAMESPACE: namespace ?? "default" },
      ...answers,
    }),
  );
}

export interface ProgramOptions extends RenderOptions {
  /** A text, or what becomes JSON. */
  readonly input?: unknown;
  readonly args?: readonly string[];
  /** Of the Flight; default `test` in `default`. */
  readonly name?: string;
  readonly namespace?: string;
}

/** Renders a Flight or ClusterFlight as the controller does. */
export function renderProgram(program: Program, options: ProgramOptions = {}): Rendered {
  const { input = "", args = [], name = "test", namespace = "default" } = options;
  const stdin = typeof input === "string" ? input : JSON.stringify(input);
  return answering(options, answers =>
    run(program, { stdin, args: [name, ...args], env: { NAMESPACE: namespace }, ...answers }),
  );
}

type Answers = Pick<Call, "lookup" | "restMapping">;

function answering(options: RenderOptions, body: (answers: Answers) => Resource[][]): Rendered {
  const lookups: LookupQuestion[] = [];
  const stages = body({
    lookup(question) {
      lookups.push(question);
      return options.refuse?.(question) ?? find(options.objects ?? [], question);
    },
    restMapping: ({ apiVersion, kind }) => findMapping(options.mappings ?? [], apiVersion, kind),
  });
  return { stages, resources: stages.flat(), lookups };
}

function find(objects: readonly Resource[], { apiVersion, kind, namespace, name }: LookupQuestion): LookupReply {
  const object = objects.find(
    ({ metadata, ...type }) =>
      type.apiVersion === apiVersion &&
      type.kind === kind &&
      metadata.name === name &&
      (metadata.namespace ?? "") === namespace,
  );
  return object ? { state: "ok", object } : { state: "not-found", message: `no ${kind} ${namespace}/${name}` };
}

function findMapping(mappings: readonly RestMapping[], apiVersion: string, kind: string): MappingReply {
  const mapping = mappings.find(
    ({ group, version, kind: served }) =>
      served === kind && [group, `${group}/${version}`, ...(group === "" ? [version] : [])].includes(apiVersion),
  );
  return mapping ? { state: "ok", mapping } : { state: "not-found", message: `no ${kind} in ${apiVersion}` };
}
