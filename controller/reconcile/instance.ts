/**
 * The loop of one instance: look, render if an input changed, apply, record.
 *
 * An event only says "look again". What decides is the digest of all inputs: the flight, the instance, the
 * resourceVersions that lookups answered with, and the fields of the children that are ours. When it equals that of the
 * last success there is nothing to do but to tell whether the children are ready.
 */

import { CodedError } from "../../lib/errors.ts";
import type { Draft } from "../dynamic/dependencyIndex.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { digest } from "../release/fields.ts";
import { type InventoryEntry, type ReleaseRecord, readRecord } from "../release/record.ts";
import type { ActiveAirway } from "./activeAirway.ts";
import { type ApplyResult, applyRelease } from "./apply.ts";
import type { Cause } from "./causes.ts";
import { type Context, forgetDependencies, type InstanceState } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { type AppliedChange, describe, explain } from "./explain.ts";
import { versionOf } from "./lookups.ts";
import { removeLeaving } from "./removal.ts";
import { redacted, releaseOf, render } from "./render.ts";
import { type Ready, writeStatus } from "./status.ts";

export const instanceFinalizer = "yoke.cd/mayday.flight";

/** When to look again without an event; undefined: never. */
export interface NextLook {
  readonly requeueAfterMs?: number;
}

export async function reconcileInstance(context: Context, airway: ActiveAirway, key: string): Promise<NextLook> {
  const listed = airway.get(key);
  if (listed === undefined) return forgetInstance(context, key);
  const state = await restoreInstance(context, key, listed);
  const instance = airway.get(key);
  // Gone, or another one of the same name: its event leads here again.
  if (instance === undefined || !isSame(instance, listed)) return {};
  if (instance.metadata.deletionTimestamp !== undefined) {
    try {
      return await terminate(context, airway, key, instance, state);
    } catch (error) {
      await tellFailure(context, airway, instance, state, { error, reason: "Terminating", action: "Delete" });
      throw error;
    }
  }
  const { spec, flight } = airway;
  if (spec === undefined || flight === undefined) {
    const { message, code } = reconcileErrors.FLIGHT_NOT_LOADED({ airway: airway.name });
    await tell(
      context,
      airway,
      instance,
      { status: "False", reason: "Error", message: `${message} (${code})` },
      state.record,
    );
    return {};
  }
  const run = { context, airway: { name: airway.name, type: airway.type, spec, flight }, active: airway, key, state };
  if (!isDue(run) && state.inputs !== "" && state.inputs === currentInputs(run)) {
    context.metrics.renders.inc({ airway: airway.name, result: "skipped" });
    // A cause that changed no input caused nothing.
    context.causes.forget(key);
    await tell(context, airway, instance, readyFrom(context, state.record), state.record);
    return nextLook(run);
  }
  const causes = context.causes.take(key);
  try {
    return await renderAndApply(run, instance, causes);
  } catch (error) {
    context.causes.giveBack(key, causes);
    context.metrics.renders.inc({ airway: airway.name, result: "failed" });
    await tellFailure(context, airway, instance, state, { error, reason: "Error", action: "Render" });
    throw error;
  }
}

/** Status and Event; nothing of an API server in trouble, whom a write would not reach. */
async function tellFailure(
  context: Context,
  airway: ActiveAirway,
  instance: KubeObject,
  state: InstanceState,
  { error, reason, action }: { error: unknown; reason: "Error" | "Terminating"; action: "Render" | "Delete" },
): Promise<void> {
  if (isKubeError(error, "KUBE_UNAVAILABLE", "KUBE_THROTTLED")) return;
  const message = error instanceof CodedError ? `${error.message} (${error.code})` : String(error);
  context.events.record(instance, { type: "Warning", reason: "Error", action, note: message });
  await tell(context, airway, instance, { status: "False", reason, message }, state.record);
}

/** Not another object of the same name. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid;
}

interface Run {
  readonly context: Context;
  readonly airway: Parameters<typeof render>[1];
  readonly active: ActiveAirway;
  readonly key: string;
  readonly state: InstanceState;
}

async function renderAndApply(run: Run, found: KubeObject, causes: Cause[]): Promise<NextLook> {
  const { context, active, key, state } = run;
  const adopted = await adopt(context, active, found);
  // Both of one moment, and before the render: a later change leaves a digest that does not match, hence another run.
  const instance = active.get(key);
  const input = active.inputOf(key);
  const usable = instance !== undefined && isSame(instance, found) && instance.metadata.deletionTimestamp === undefined;
  if (!adopted || !usable) {
    context.causes.giveBack(key, causes);
    return { requeueAfterMs: staleRetryMs };
  }
  const draft = context.index.begin(key);
  const rendered = await render(context, run.airway, instance, draft);
  const renderedAt = new Date(context.now()).toISOString();
  const name = releaseOf(run.airway.type, instance);
  const result = await applyRelease(context, {
    ...{ key, name, spec: run.airway.spec, rendered, draft, state },
    recordIntent: inventory => recordIntent(run, instance, inventory),
  }).catch(error => {
    // The API server quotes what it refuses, and a flight may have put a secret there.
    throw redacted(error, rendered.redact);
  });
  context.metrics.renders.inc({ airway: run.airway.name, result: "rendered" });
  if (result.outcome === "stale") {
    context.causes.giveBack(key, causes);
    // The event of the newer version leads here again; this is for the case that it was seen before the write failed.
    return { requeueAfterMs: staleRetryMs };
  }
  observePatches(run, causes, result.changes);
  if (result.outcome === "complete") for (const orphan of context.index.commit(draft)) context.tracker.untrack(orphan);
  const { spec, flight } = run.airway;
  const settled = result.outcome === "complete" && !rendered.unknownKinds;
  state.inputs = settled ? inputsDigest(run, input, result.seen, draft) : "";
  state.lastRun = context.now();
  state.record = {
    flight: `sha256:${flight.digest}`,
    inputs: state.inputs,
    lookups: rendered.lookups,
    inventory: result.inventory,
    lastRoll: rollOf(context, renderedAt, causes, result.changes) ?? state.record.lastRoll,
  };
  announce(run, instance, causes, result);
  const ready: Ready =
    result.outcome === "complete"
      ? readyFrom(context, state.record)
      : { status: "False", reason: "InProgress", message: result.message };
  await tell(context, active, instance, ready, state.record);
  const looks = [
    ...(spec.fixDriftIntervalMs === undefined ? [] : [spec.fixDriftIntervalMs]),
    ...(rendered.unknownKinds ? [unknownKindRetryMs] : []),
    ...(result.outcome === "unserved" ? [servedRetryMs] : []),
  ];
  return looks.length === 0 ? {} : { requeueAfterMs: Math.min(...looks) };
}

/** For a write that met a newer version: its event may have been seen already, or may be none that queues a run. */
const staleRetryMs = 500;
/** No event tells that a kind is served from now on: one that nobody promised, and one whose CRD is ready. */
const unknownKindRetryMs = 10_000;
const servedRetryMs = 100;

/**
 * Brings back what the record of an earlier process knows, and watches what it depended on. Called for each instance as
 * soon as it is listed, and not when its turn comes, so that a start opens few wide watches instead of many exact ones.
 */
export function restoreInstance(context: Context, key: string, instance: KubeObject): Promise<InstanceState> {
  const present = context.states.get(key) ?? restore(context, key, readRecord(instance));
  context.states.set(key, present);
  // Awaited by the instance's run, which tells; a run that never comes needs no answer.
  present.catch(() => {
    if (context.states.get(key) === present) context.states.delete(key);
  });
  return present;
}

async function restore(context: Context, key: string, record: ReleaseRecord): Promise<InstanceState> {
  const draft = context.index.begin(key);
  const watch = async (ref: ReleaseRecord["lookups"][number], role: "lookup" | "child") => {
    const type = await context.client.discovery.resolve(ref.apiVersion, ref.kind);
    if (type === undefined) return;
    context.index.add(draft, trackedKey(ref), role);
    await context.tracker.track(type, ref, { retain: role === "lookup" });
  };
  await Promise.all([
    ...record.lookups.map(ref => watch(ref, "lookup")),
    ...record.inventory.map(entry => watch(entry, "child")),
  ]);
  return { record, inputs: record.inputs, applied: new Map(), lastRun: context.now() };
}

/** Finalizer and owner reference in one write. False when the instance changed meanwhile. */
async function adopt(context: Context, airway: ActiveAirway, instance: KubeObject): Promise<boolean> {
  const { finalizers = [], ownerReferences = [], resourceVersion } = instance.metadata;
  const owned = ownerReferences.some(reference => reference.uid === airway.owner.uid);
  if (owned && finalizers.includes(instanceFinalizer)) return true;
  const metadata = {
    resourceVersion,
    finalizers: [...new Set([...finalizers, instanceFinalizer])],
    ownerReferences: owned ? ownerReferences : [...ownerReferences, airway.owner],
  };
  return patchMetadata(context, airway, instance, metadata);
}

async function patchMetadata(
  context: Context,
  airway: ActiveAirway,
  instance: KubeObject,
  metadata: Record<string, unknown>,
): Promise<boolean> {
  const { name, namespace = "" } = instance.metadata;
  const ref = { apiVersion: airway.type.apiVersion, kind: airway.type.kind, namespace, name };
  try {
    const options = { type: "merge", fieldManager: "yoke.cd/atc" } as const;
    const patched = await context.client.patch(ref, { metadata }, options);
    if (patched.metadata.deletionTimestamp === undefined) airway.observe(patched);
    return true;
  } catch (error) {
    if (isKubeError(error, "KUBE_CONFLICT", "KUBE_NOT_FOUND")) return false;
    throw error;
  }
}

async function recordIntent(run: Run, instance: KubeObject, inventory: readonly InventoryEntry[]): Promise<boolean> {
  const { state, context, active } = run;
  const record = { ...state.record, inputs: "", inventory };
  const message = `applying ${inventory.length} ${inventory.length === 1 ? "object" : "objects"}`;
  const written = await tell(context, active, instance, { status: "False", reason: "InProgress", message }, record);
  // Not before: what is remembered here counts as recorded.
  if (written) state.record = record;
  return written;
}

/** False when the instance is gone, or another one has its name. */
async function tell(
  context: Context,
  airway: ActiveAirway,
  instance: KubeObject,
  ready: Ready,
  record: ReleaseRecord,
): Promise<boolean> {
  // The newest state decides what would change; the generation that was reconciled is the given one's.
  const newest = airway.get(airway.keyOf(instance)) ?? instance;
  if (!isSame(newest, instance)) return false;
  const { generation } = instance.metadata;
  const metadata = { ...newest.metadata, ...(generation === undefined ? {} : { generation }) };
  const written = await writeStatus(context, { ...newest, metadata }, ready, record);
  if (written !== undefined) airway.observe(written);
  return written !== undefined;
}

/** What the watches say of the children; no request is made. */
function readyFrom(context: Context, record: ReleaseRecord): Ready {
  const tracked = record.inventory.map(entry => ({ entry, facts: context.tracker.get(trackedKey(entry))?.facts }));
  const failed = tracked.find(({ facts }) => facts?.failure !== undefined);
  if (failed?.facts?.failure !== undefined) {
    return { status: "False", reason: "Error", message: failed.facts.failure };
  }
  const waiting = tracked
    .filter(({ facts }) => facts?.ready !== true || facts.deleting)
    .map(({ entry, facts }) => facts?.gap || describe(entry));
  if (waiting.length > 0)
    return { status: "False", reason: "InProgress", message: `waiting for ${waiting.join(", ")}` };
  const count = record.inventory.length;
  return {
    status: "True",
    reason: "Ready",
    message: count === 1 ? "1 object is ready" : `all ${count} objects are ready`,
  };
}

/** The digest of the inputs as the watches know them now. */
function currentInputs(run: Run): string {
  const { context, key, active } = run;
  const lookups = new Map<string, string>();
  const children = new Map<string, string>();
  for (const { object, lookup, child } of context.index.dependencies(key)) {
    const tracked = context.tracker.get(object);
    if (lookup) lookups.set(object, tracked === undefined ? "" : versionOf(tracked));
    // What is being deleted is on its way to be missing.
    if (child) children.set(object, tracked?.facts?.deleting === true ? "deleting" : (tracked?.facts?.fields ?? ""));
  }
  return digestOf(run, active.inputOf(key), lookups, children);
}

/** The digest of the inputs that a finished run worked on. */
function inputsDigest(run: Run, input: string, seen: ReadonlyMap<string, string>, draft: Draft): string {
  const children = new Map<string, string>();
  for (const key of draft.roles.keys()) {
    const applied = run.state.applied.get(key);
    if (applied !== undefined) children.set(key, applied.fields);
  }
  return digestOf(run, input, seen, children);
}

function digestOf(
  { airway: { spec, flight } }: Run,
  input: string,
  lookups: ReadonlyMap<string, string>,
  children: ReadonlyMap<string, string>,
): string {
  const { mode, clusterAccess, resourceAccessMatchers, objectPath, scope } = spec;
  const reactsToLookups = mode === "dynamic" || mode === "subscription";
  const sorted = (map: ReadonlyMap<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return digest(
    JSON.stringify([
      flight.digest,
      { mode, clusterAccess, resourceAccessMatchers, objectPath, scope },
      input,
      reactsToLookups ? sorted(lookups) : [],
      mode === "dynamic" ? sorted(children) : [],
    ]),
  );
}

function isDue({ airway: { spec }, state, context }: Run): boolean {
  return spec.fixDriftIntervalMs !== undefined && context.now() - state.lastRun >= spec.fixDriftIntervalMs;
}

function nextLook({ airway: { spec }, state, context }: Run): NextLook {
  if (spec.fixDriftIntervalMs === undefined) return {};
  return { requeueAfterMs: Math.max(1, state.lastRun + spec.fixDriftIntervalMs - context.now()) };
}

function rollOf(
  context: Context,
  renderedAt: string,
  causes: Cause[],
  changes: AppliedChange[],
): ReleaseRecord["lastRoll"] {
  if (changes.length === 0) return undefined;
  return { renderedAt, time: new Date(context.now()).toISOString(), cause: explain(causes, changes) };
}

function announce(run: Run, instance: KubeObject, causes: Cause[], { changes }: ApplyResult): void {
  if (changes.length === 0) return;
  const note = explain(causes, changes);
  run.context.events.record(instance, { type: "Normal", reason: "Applied", action: "Apply", note });
  const { namespace = "", name } = instance.metadata;
  run.context.log.info({ airway: run.airway.name, namespace, name, cause: note }, "applied");
}

function observePatches(run: Run, causes: Cause[], changes: AppliedChange[]): void {
  const first = causes.find(cause => cause.change !== "started");
  if (first === undefined || changes.length === 0) return;
  const seconds = (performance.now() - first.at) / 1000;
  run.context.metrics.eventToPatchSeconds.observe({ airway: run.airway.name }, seconds);
}

async function terminate(
  context: Context,
  airway: ActiveAirway,
  key: string,
  instance: KubeObject,
  state: InstanceState,
): Promise<NextLook> {
  const { finalizers = [], resourceVersion } = instance.metadata;
  if (!finalizers.includes(instanceFinalizer)) return {};
  const prune = airway.spec?.prune ?? { crds: false, namespaces: false };
  const draft = context.index.begin(key);
  const name = releaseOf(airway.type, instance);
  const { inventory } = state.record;
  const pending = await removeLeaving(context, { key, name, prune, draft, inventory, keys: new Set() });
  if (pending.length > 0) {
    const message = `waiting for ${pending.map(describe).join(", ")} to be gone`;
    await tell(context, airway, instance, { status: "False", reason: "Terminating", message }, state.record);
    return {};
  }
  const rest = finalizers.filter(finalizer => finalizer !== instanceFinalizer);
  const done = await patchMetadata(context, airway, instance, { resourceVersion, finalizers: rest });
  return done ? {} : { requeueAfterMs: staleRetryMs };
}

/** When the instance or its Airway is gone. */
export async function forgetInstance(context: Context, key: string): Promise<NextLook> {
  const state = context.states.get(key);
  // What a restoration under way adds would stay for ever.
  await state?.catch(() => undefined);
  // One of the same name came meanwhile.
  if (context.states.has(key) && context.states.get(key) !== state) return {};
  context.states.delete(key);
  context.causes.forget(key);
  forgetDependencies(context, key);
  return {};
}
