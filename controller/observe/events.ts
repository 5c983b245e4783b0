/**
 * Kubernetes Events about instances and Airways, through events.k8s.io/v1.
 *
 * Promises: recording never waits and never fails the caller; an Event that says the same as the one before is counted
 * instead of sent; no object gets more than a short burst of them. What was left out is the `count` of the next one.
 * Events are sent one by one, after what is more urgent, with the time at which they were recorded.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { controllerName } from "../kube/controllerName.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";

export interface EventInput {
  readonly type: "Normal" | "Warning";
  /** CamelCase, for machines: `Rolled`, `RenderFailed`. At most 128 characters. */
  readonly reason: string;
  /** What the controller did: `Render`, `Apply`. At most 128 characters. */
  readonly action: string;
  /** One sentence for people, never a secret's value. Cut at 1024 bytes. */
  readonly note: string;
  /** A second object, for example the one that caused it. */
  readonly related?: ObjectRef & { readonly uid?: string; readonly resourceVersion?: string };
}

export interface EventRecorder {
  record(regarding: KubeObject, event: EventInput): void;
  /** Waits until everything recorded so far was sent or given up. */
  flush(): Promise<void>;
}

export type EventResult = "created" | "suppressed" | "dropped" | "failed";

export interface EventRecorderOptions {
  readonly create: (event: KubeObject) => Promise<unknown>;
  readonly count?: (result: EventResult) => void;
  readonly onError?: (error: unknown) => void;
  /** More urgent writes wait for the API server: Events go after them. */
  readonly busy?: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Repeats of one note are counted, not sent, for this long. */
const repeatMs = 5 * 60_000;
/** Events about one object and reason: so many at once, then one per interval. */
const burst = 25;
const refillMs = 10_000;
const mostPending = 5000;
const mostRemembered = 5000;

/** Between two questions whether more urgent writes still wait. */
const lookEveryMs = 50;
/** No Event waits for them longer than this. */
const longestHoldMs = 10_000;

/** What was said last about one object, reason and action. */
interface Memory {
  tokens: number;
  refilledAt: number;
  note: string;
  sentAt: number;
  /** Left out since then. */
  suppressed: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { create, count = () => {}, onError = () => {}, busy = () => false, now = Date.now } = options;
  const memories = new Map<string, Memory>();
  let pending = 0;
  let flushing = 0;
  let tail: Promise<void> = Promise.resolve();

  const send = async (event: KubeObject, recordedAt: number) => {
    while (flushing === 0 && now() - recordedAt < longestHoldMs && busy()) await delay(lookEveryMs);
    try {
      await create(event);
      count("created");
    } catch (error) {
      count("failed");
      onError(error);
    } finally {
      pending--;
    }
  };

  return {
    record(regarding, input) {
      const left = admit(memories, memoryKey(regarding, input), input.note, now());
      if (left === undefined) return count("suppressed");
      if (pending >= mostPending) return count("dropped");
      pending++;
      const at = now();
      const event = eventOf(regarding, input, left, at);
      tail = tail.then(() => send(event, at));
    },
    async flush() {
      flushing++;
      await tail;
      flushing--;
    },
  };
}

function memoryKey(regarding: KubeObject, { type, reason, action }: EventInput): string {
  const { uid, namespace, name } = regarding.metadata;
  return [uid ?? `${regarding.kind}/${namespace}/${name}`, type, reason, action].join(" ");
}

/** How many were left out before this one; undefined when this one is left out too. */
function admit(memories: Map<string, Memory>, key: string, note: string, at: number): number | undefined {
  const memory = memories.get(key) ?? { tokens: burst, refilledAt: at, note: "", sentAt: 0, suppressed: 0 };
  // The map keeps the order of use, so the first key is the one unused for longest.
  memories.delete(key);
  memories.set(key, memory);
  if (memories.size > mostRemembered) for (const oldest of memories.keys()) if (memories.delete(oldest)) break;

  const refill = Math.floor((at - memory.refilledAt) / refillMs);
  memory.tokens = Math.min(burst, memory.tokens + refill);
  memory.refilledAt += refill * refillMs;
  const repeated = memory.note === note && at - memory.sentAt < repeatMs;
  if (repeated || memory.tokens === 0) {
    memory.suppressed++;
    return undefined;
  }
  const { suppressed } = memory;
  Object.assign(memory, { tokens: memory.tokens - 1, note, sentAt: at, suppressed: 0 });
  return suppressed;
}

function eventOf(regarding: KubeObject, input: EventInput, leftOut: number, at: number): KubeObject {
  const { metadata } = regarding;
  const time = microTime(at);
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: {
      name: `${metadata.name.slice(0, 200)}.${randomBytes(8).toString("hex")}`,
      // Events about cluster-scoped objects live in default.
      namespace: metadata.namespace ?? "default",
    },
    eventTime: time,
    type: input.type,
    reason: input.reason,
    action: input.action,
    note: cut(input.note),
    reportingController: controllerName,
    reportingInstance: `atc-${hostname()}`.slice(0, 128),
    regarding: reference({
      ...metadata,
      namespace: metadata.namespace ?? "",
      apiVersion: regarding.apiVersion,
      kind: regarding.kind,
    }),
    ...(input.related === undefined ? {} : { related: reference(input.related) }),
    ...(leftOut === 0 ? {} : { series: { count: leftOut + 1, lastObservedTime: time } }),
  };
}

function reference(of: ObjectRef & { uid?: string; resourceVersion?: string }): Record<string, string> {
  const { apiVersion, kind, namespace, name, uid, resourceVersion } = of;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === "" ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** metav1.MicroTime wants six digits after the point. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}

/** The API server refuses notes of more than 1024 bytes. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= 1024) return note;
  return `${Buffer.from(note)
    .subarray(0, 1018)
    .toString("utf8")
    .replace(/\uFFFD+$/, "")}…`;
}
