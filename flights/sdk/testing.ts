/** Runs a flight without a cluster, for unit tests. */
import type { Flight, Instance } from "./flight.ts";
import type { LookupQuestion, LookupReply } from "./host.ts";
import type { Resource } from "./kinds.ts";
import { run } from "./run.ts";

export interface RenderOptions {
  /** What there is in the cluster. */
  readonly objects?: readonly Resource[];
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
  const lookups: LookupQuestion[] = [];
  const namespace = instance.metadata.namespace ?? "default";
  const release = [flight.group, flight.kind, instance.metadata.namespace, instance.metadata.name];
  const stages = run(flight, {
    stdin: JSON.stringify(instance),
    args: [release.filter(part => part !== undefined).join(".")],
    env: { NAMESPACE: namespace },
    lookup(question) {
      lookups.push(question);
      return options.refuse?.(question) ?? find(options.objects ?? [], question);
    },
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
