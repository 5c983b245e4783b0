/**
 * The trace of one run: it begins with the event that led to it, and what the run asks of the sandbox and of the API
 * server are its parts (docs/decisions/0015-observability.md). The loops know nothing of it: they get a sandbox and a
 * client that trace, and where there is no tracing, the bare ones.
 */

import type { FlightRun, Sandbox } from "../flight/sandbox.ts";
import type { KubeClient } from "../kube/client.ts";
import { type ObjectRef, refOf } from "../kube/object.ts";
import type { Attributes, Tracing } from "../observe/tracing.ts";
import type { Cause } from "./causes.ts";
import { parseKey } from "./keys.ts";

export interface TracedRun {
  readonly key: string;
  /** Those that are pending; the first event is the beginning. */
  readonly causes: readonly Cause[];
  /** In the queue. */
  readonly waitedMs: number;
}

export function traceRun<Result>(
  tracing: Tracing,
  { key, causes, waitedMs }: TracedRun,
  work: () => Promise<Result>,
): Promise<Result> {
  const { type, ...target } = parseKey(key);
  const [first] = causes;
  const now = performance.now();
  const since = Math.min(first?.at ?? now, now - waitedMs);
  const names = Object.fromEntries(Object.entries(target).map(([name, value]) => [`atc.${name}`, value]));
  return tracing.trace(`reconcile ${type}`, { ...names, ...causeAttributes(first) }, since, () => {
    // Longer than in the queue where a failure or a minimum interval held it back.
    tracing.past("wait", { "atc.queue_ms": waitedMs }, since);
    return work();
  });
}

function causeAttributes(cause: Cause | undefined): Attributes {
  if (cause === undefined) return {};
  const { change, object, resourceVersion } = cause;
  return {
    "atc.cause.change": change,
    "atc.cause.kind": object.kind,
    "atc.cause.namespace": object.namespace,
    "atc.cause.name": object.name,
    "atc.cause.resource_version": resourceVersion,
  };
}

/** Each run of a flight is a part, each of its lookups a moment in it. */
export function tracedSandbox(sandbox: Sandbox, tracing: Tracing): Sandbox {
  return {
    prepare: module => sandbox.prepare(module),
    stats: () => sandbox.stats(),
    close: () => sandbox.close(),
    run(run, signal) {
      const attributes = { "atc.flight": `sha256:${run.module.digest}`, "atc.group": run.group ?? "" };
      return tracing.span("render", attributes, async () => {
        const result = await sandbox.run(tracedRun(run, tracing), signal);
        tracing.describe({ "atc.exit_code": result.exitCode, "atc.thread_wait_ms": result.waitedMilliseconds });
        return result;
      });
    },
  };
}

function tracedRun(run: FlightRun, tracing: Tracing): FlightRun {
  const lookup: FlightRun["lookup"] = request => {
    tracing.event("lookup", objectAttributes(request));
    return run.lookup(request);
  };
  // Asked by a worker thread's message, which is in no context of ours.
  return { ...run, lookup: tracing.bind(lookup) };
}

/** Each call for one object is a part: `apply Deployment`, `apply Backend/status`, `create Event`. */
export function tracedClient(client: KubeClient, tracing: Tracing): KubeClient {
  const call = <Result>(verb: string, ref: ObjectRef, work: () => Promise<Result>, subresource?: string) => {
    const what = subresource === undefined ? ref.kind : `${ref.kind}/${subresource}`;
    return tracing.span(`${verb} ${what}`, objectAttributes(ref), work);
  };
  return {
    ...client,
    as: impersonation => tracedClient(client.as(impersonation), tracing),
    get: (ref, options) => call("get", ref, () => client.get(ref, options)),
    create: (object, options) => call("create", refOf(object), () => client.create(object, options)),
    apply: (object, options) => call("apply", refOf(object), () => client.apply(object, options), options.subresource),
    patch: (ref, patch, options) => call("patch", ref, () => client.patch(ref, patch, options), options.subresource),
    delete: (ref, options) => call("delete", ref, () => client.delete(ref, options)),
  };
}

function objectAttributes({ kind, namespace, name }: Pick<ObjectRef, "kind" | "namespace" | "name">): Attributes {
  return { "k8s.kind": kind, "k8s.namespace": namespace, "k8s.name": name };
}
