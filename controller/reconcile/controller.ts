/**
 * Joins the rooms: watches feed the dependency index, the index feeds the queue, the queue runs the loops.
 */

import { CodedError, describeError } from "../../lib/errors.ts";
import { airwayCrd } from "../airway/crds.ts";
import { parseAirway } from "../airway/spec.ts";
import { KindWatch } from "../dynamic/kindWatch.ts";
import { refOfTrackedKey, type TrackedChange } from "../dynamic/tracker.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import { pauseAfter } from "../kube/backoff.ts";
import type { KubeClient } from "../kube/client.ts";
import { sleep, systemClock } from "../kube/clock.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, type ResourceType, refOf } from "../kube/object.ts";
import { createQueue, type Priority } from "../kube/queue.ts";
import { createReflector, nameKey, type Reflector, type ReflectorHandler, type WatchEnd } from "../kube/reflector.ts";
import { crdType } from "../kube/resourceTypes.ts";
import type { ModuleStore } from "../modules/store.ts";
import type { EventRecorder } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Check } from "../observe/server.ts";
import type { Tracing } from "../observe/tracing.ts";
import { agesByKind, checkWatches } from "../observe/watches.ts";
import { type ObjectFacts, sameReadiness, sameShape } from "../release/facts.ts";
import { AccessBook } from "./accesses.ts";
import { type AirwayContext, reconcileAirway } from "./airway.ts";
import { loadConverter } from "./airwayFlight.ts";
import { CauseBook } from "./causes.ts";
import type { Access } from "./context.ts";
import { flightKinds, flightOwner } from "./flight.ts";
import { flushHistory } from "./history.ts";
import { instanceOwner } from "./instance.ts";
import type { Keyring } from "./keyring.ts";
import { airwayKey, flightKey, parseKey, queueKeyOf } from "./keys.ts";
import type { Owner } from "./owner.ts";
import { type OwnerChange, OwnerStore } from "./ownerStore.ts";
import { paceLimits } from "./pace.ts";
import { ReadinessRules } from "./readinessRules.ts";
import { reconcileRelease } from "./release.ts";
import { reactsToChildren } from "./releaseSpec.ts";
import { beginRelease, followRelease, forgetRelease } from "./restore.ts";
import type { AirwayView } from "./reviews.ts";
import type { NextLook } from "./run.ts";
import { traceRun } from "./trace.ts";
import type { Webhooks } from "./webhooks.ts";

export interface ControllerOptions {
  readonly client: KubeClient;
  readonly sandbox: Sandbox;
  readonly modules: ModuleStore;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly tracing?: Tracing;
  readonly log: Logger;
  readonly keyring: Keyring;
  /** Runs at the same time; they mostly wait for the API server. */
  readonly concurrency: number;
  /** Renders of one release that may follow each other at once; see `pace.ts`. */
  readonly renderBurst: number;
  /** Whether ConfigMaps say when objects of a kind are ready. Default true. */
  readonly customReadiness?: boolean;
  /** Absent: the API server has no way to this controller. */
  readonly webhooks?: Webhooks;
  /** Number of names of one kind in one namespace from which one watch serves them all. */
  readonly wideFrom?: number;
}

export interface Controller {
  /**
   * Begins to watch and writes nothing: what a replica does that stands by. Resolves when the Airways are known, for
   * which somebody has to lead once.
   */
  start(): Promise<void>;
  /**
   * Installs the Airway CRD and lets the loops write. Everything is looked at once; what has not changed since the
   * former leader's last look costs neither render nor write.
   */
  lead(): Promise<void>;
  /** Finishes the runs under way, then closes the watches. */
  stop(): Promise<void>;
  /** For `/readyz`. */
  checks(): Check[];
  /** Resolves when nothing is queued or running. */
  idle(): Promise<void>;
  /** For webhooks. */
  readonly airways: AirwayView;
}

/** A watch without any sign of life for this long makes the controller unready. Bookmarks come about once a minute. */
const oldestWatchMs = 180_000;

const airwayType: ResourceType = {
  group: "yoke.cd",
  version: "v1alpha1",
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  plural: "airways",
  namespaced: false,
};

export function createController(options: ControllerOptions): Controller {
  const { client, metrics, log, customReadiness: rulesCount = true } = options;
  const causes = new CauseBook();
  const stopping = new AbortController();
  const installed = new AbortController();
  let leads = false;

  const onEnd = (reason: WatchEnd) => metrics.watchRestarts.inc({ reason });
  const openReflector = (type: ResourceType, handler: ReflectorHandler) =>
    createReflector({ client, type, handler, onEnd });
  const readiness = new ReadinessRules({
    openReflector: scope => createReflector({ client, onEnd, ...scope }),
    changed: concerned => {
      for (const { tracker } of accesses.all()) tracker.reconsider(concerned);
    },
    problem: (configMap, { message, code }) => {
      if (!leads) return;
      const note = `${message} (${code})`;
      options.events.record(configMap, { type: "Warning", reason: "Error", action: "Read", note });
    },
    log,
  });
  const accesses: AccessBook = new AccessBook({
    client,
    readiness: readiness.custom,
    openReflector: (scope, as) => createReflector({ client: as, onEnd, ...scope }),
    changed: (access, change) => dependencyChanged(context, access, change),
    ...(options.wideFrom === undefined ? {} : { wideFrom: options.wideFrom }),
  });
  const queue = createQueue({
    concurrency: options.concurrency,
    process: (key, { waitedMs }) => {
      metrics.queueWaitSeconds.observe(waitedMs / 1000);
      const { tracing } = context;
      if (tracing === undefined) return processKey(context, key);
      const run = { key, causes: causes.pending(key), waitedMs };
      return traceRun(tracing, run, () => processKey(context, key));
    },
    baseDelayMs: 1_000,
    maxDelayMs: longestPause,
  });
  const context: AirwayContext = {
    ...options,
    ...accesses.own,
    accesses,
    queue,
    causes,
    airways: new Map(),
    flights: new Map(),
    states: new Map(),
    unwritten: new Set(),
    untold: new Map(),
    paceLimits: paceLimits(options.renderBurst),
    spinning: new Set(),
    airwayObjects: new Map(),
    appliedCrds: new Map(),
    leads: () => leads,
    now: () => Date.now(),
    openReflector,
    ownerChanged: (key, change, object) => ownerChanged(context, key, change, object),
  };
  const airways = openReflector(airwayType, airwayHandler(context));
  for (const { type } of flightKinds) context.flights.set(type.kind, flightStore(context, type));
  const kinds = new KindWatch({
    discovery: client.discovery,
    openReflector: handler => createReflector({ client, type: crdType, metadataOnly: true, handler, onEnd }),
    reflectors: () => reflectors(),
    dependencies: () => accesses.all().flatMap(({ index }) => [...index.objects()]),
    served: key => kindServed(context, key),
  });
  const reflectors = (): Reflector[] => [
    airways,
    // Where its role leaves Flights out, the controller serves none.
    ...ownerStores(context).flatMap(({ reflector }) => (reflector.state().refused ? [] : [reflector])),
    ...accesses.all().flatMap(({ tracker }) => tracker.reflectors()),
    // Without the right to watch CRDs, who waits for a kind looks again after a while.
    ...(kinds.reflector.state().refused ? [] : [kinds.reflector]),
    ...(!rulesCount || readiness.reflector.state().refused ? [] : [readiness.reflector]),
  ];
  metrics.readFrom(() => {
    const { queued, running, failing, oldestWaitMs } = queue.stats();
    const { workers, running: busy, queued: waiting, longestWait, lost } = options.sandbox.stats();
    const watches = reflectors();
    return {
      watches: watches.length,
      watchAges: agesByKind(watches),
      watchedObjects: accesses.all().reduce((sum, { tracker }) => sum + tracker.size, 0),
      queued,
      running,
      failing,
      oldestQueueWaitSeconds: oldestWaitMs / 1000,
      instances: context.states.size,
      pendingRevisions: [...context.unwritten].reduce((sum, { pending }) => sum + pending.length, 0),
      openBreakers: context.spinning.size,
      sandboxWorkers: workers,
      sandboxBusy: busy,
      sandboxWaiting: waiting,
      sandboxLongestWaitSeconds: longestWait / 1000,
      sandboxLost: lost,
    };
  });

  return {
    async start() {
      await served(client, AbortSignal.any([installed.signal, stopping.signal]));
      // Before any object is judged.
      if (rulesCount) {
        readiness.start();
        await readiness.known;
      }
      if (stopping.signal.aborted) return;
      airways.start();
      for (const { reflector } of context.flights.values()) reflector.start();
      kinds.start();
      await airways.synced.catch(() => undefined);
      log.info({ airways: context.airwayObjects.size }, "watching airways");
    },
    async lead() {
      await persist(log, stopping.signal, async () => {
        await client.apply(airwayCrd, { fieldManager: controllerName, force: true, signal: stopping.signal });
        await installFlights(context, stopping.signal);
        client.discovery.invalidate(airwayType.apiVersion);
        installed.abort();
        await catchUp(context, stopping.signal);
      });
      if (stopping.signal.aborted) return;
      leads = true;
      readiness.tellProblems();
      for (const name of context.airwayObjects.keys()) queue.add(airwayKey(name), { priority: "high" });
      for (const store of ownerStores(context)) {
        for (const key of store.keys()) queue.add(key, { priority: "low" });
      }
    },
    async stop() {
      stopping.abort(new Error("the controller stops"));
      await Promise.all([airways.stop(), kinds.stop(), readiness.stop()]);
      await Promise.all(ownerStores(context).map(({ reflector }) => reflector.stop()));
      await queue.stop();
      await Promise.allSettled(context.untold.values().map(({ tell }) => tell()));
      await flushHistory(context);
      await Promise.all(accesses.all().map(({ tracker }) => tracker.stop()));
    },
    checks() {
      const { phase } = airways.state();
      return [
        { name: "airways", ok: phase === "watching", detail: `the watch is ${phase}` },
        checkWatches(reflectors(), oldestWatchMs),
      ];
    },
    idle: () => queue.idle(),
    airways: airwayView(context),
  };
}

function airwayView(context: AirwayContext): AirwayView {
  const { modules, client } = context;
  return {
    access: context,
    modules,
    all: () => context.airwayObjects.values(),
    serving: airway => context.airways.get(airway)?.serving,
    async converter(airway, signal) {
      const object = context.airwayObjects.get(airway);
      const { serving } = context.airways.get(airway) ?? {};
      if (serving !== undefined || object === undefined) return serving?.converter;
      // Without it instances may not be readable, and so not deletable, whatever else is wrong with the Airway.
      return (await loadConverter(modules, parseAirway(object), ref => client.get(ref, { signal })))?.module;
    },
    trustChanged() {
      for (const [name, { serving }] of context.airways) {
        if (serving?.spec.converter !== undefined) context.queue.add(airwayKey(name), { priority: "high" });
      }
    },
  };
}

/** Waits until there are Airways to watch, or somebody says so. */
async function served({ discovery }: KubeClient, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind } = airwayType;
  while (!signal.aborted) {
    const type = await discovery.resolve(apiVersion, kind).catch(() => undefined);
    if (type !== undefined) return;
    discovery.invalidate(apiVersion);
    await sleep(systemClock, 1_000, signal).catch(() => undefined);
  }
}

/**
 * The watches may be behind the former leader's last write, and what it recorded must not be overwritten: a list is as
 * new as the cluster. The rest may come late, as always.
 */
async function catchUp(context: AirwayContext, signal: AbortSignal): Promise<void> {
  for (const store of ownerStores(context)) {
    const list = await context.client.list(store.type, { signal }).catch(unlessUnserved);
    if (list !== undefined) store.refresh(list.items);
  }
  await Promise.allSettled(context.states.values());
}

function unlessUnserved(error: unknown): undefined {
  if (!isKubeError(error, "KUBE_UNKNOWN_KIND", "KUBE_FORBIDDEN")) throw error;
}

/** A role may leave Flights out. */
async function installFlights({ client, log }: AirwayContext, signal: AbortSignal): Promise<void> {
  for (const { type, crd } of flightKinds) {
    try {
      await client.apply(crd, { fieldManager: controllerName, force: true, signal });
    } catch (error) {
      if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
      log.warn({ kind: type.kind, error: describeError(error) }, "objects of this kind are not served");
    }
  }
}

/** All that own releases. */
function ownerStores({ airways, flights }: AirwayContext): OwnerStore[] {
  return [...[...airways.values()].map(({ instances }) => instances), ...flights.values()];
}

function flightStore(context: AirwayContext, type: ResourceType): OwnerStore {
  return new OwnerStore({
    type,
    keyOf: ({ metadata }) => flightKey(type.kind, metadata.namespace ?? "", metadata.name),
    openReflector: handler => context.openReflector(type, handler),
    changed: context.ownerChanged,
  });
}

/** Ends by itself. A garbled or expired answer is no more than one of an API server, or of what is before it, in trouble. */
const passing = ["KUBE_UNAVAILABLE", "KUBE_THROTTLED", "KUBE_NOT_LEADER", "KUBE_PROTOCOL", "KUBE_GONE"] as const;

/** An API server that is not there yet is waited for. */
async function persist(log: Logger, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) return;
      if (!isKubeError(error, ...passing)) throw error;
      log.warn({ error: describeError(error) }, "waiting for the API server");
      const pause = pauseAfter(failures, { baseMs: 500, maxMs: 5_000, jitter: 0.2 }, Math.random());
      await sleep(systemClock, pause, signal).catch(() => undefined);
    }
  }
}

/**
 * Most failures end with a change that is watched: of the instance, the flight, an object. Of the others no event tells
 * the end, be it the API server's trouble, a missing right or a kind that is not served, so they are not left for long.
 */
function longestPause(error: unknown): number {
  if (isModuleError(error)) return 60_000;
  const untold = isKubeError(error) ? !isKubeError(error, "KUBE_INVALID") : isUntold(error);
  return untold ? 10_000 : 15 * 60_000;
}

/** What is at a URL changes without an event; a look costs little. */
function isModuleError(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith("MODULE_");
}

const untoldCodes = [
  "RELEASE_KIND_UNKNOWN",
  "RELEASE_UNKNOWN_KIND",
  "RELEASE_RIGHTS_MISSING",
  "RELEASE_ACCOUNT_MISSING",
  "RELEASE_IMPERSONATION_REFUSED",
];

function isUntold(error: unknown): boolean {
  return error instanceof CodedError && untoldCodes.includes(error.code);
}

function airwayHandler(context: AirwayContext): ReflectorHandler {
  const objects = context.airwayObjects;
  const upsert = (object: KubeObject) => {
    const { name, generation, deletionTimestamp, finalizers } = object.metadata;
    const former = objects.get(name);
    objects.set(name, object);
    const same =
      former?.metadata.uid === object.metadata.uid &&
      former?.metadata.generation === generation &&
      former?.metadata.deletionTimestamp === deletionTimestamp &&
      JSON.stringify(former?.metadata.finalizers) === JSON.stringify(finalizers);
    if (!same) context.queue.add(airwayKey(name), { priority: "high" });
  };
  const remove = (name: string) => {
    if (objects.delete(name)) context.queue.add(airwayKey(name), { priority: "high" });
  };
  return {
    upsert,
    listed: present => {
      for (const name of [...objects.keys()]) if (!present.has(nameKey({ name }))) remove(name);
    },
    delete: object => remove(object.metadata.name),
  };
}

/** undefined: the Airway of the kind is gone. */
function ownerOf(context: AirwayContext, key: string): Owner | undefined {
  const target = parseKey(key);
  if (target.type === "airway") return undefined;
  if (target.type === "flight") {
    const flights = context.flights.get(target.kind);
    return flights === undefined ? undefined : flightOwner(context, flights, target);
  }
  const airway = context.airways.get(target.airway);
  return airway === undefined ? undefined : instanceOwner(context, airway, target);
}

function ownerChanged(context: AirwayContext, key: string, change: OwnerChange, object: KubeObject): void {
  const priority: Priority = change === "added" ? "low" : "high";
  const owner = ownerOf(context, key);
  if (owner !== undefined && !context.leads() && change !== "added" && change !== "gone") followRelease(context, owner);
  if (change === "record") {
    // A write of ours that was given up may arrive late, over words that were right meanwhile; so may a foreign hand.
    if (context.leads()) context.queue.add(key, { priority: "low" });
    return;
  }
  if (change === "added" && owner !== undefined) void beginRelease(context, owner, object);
  if (change === "added" || change === "input") {
    // What was recorded already is seen for the first time by this process only.
    const started = change === "added" && (object["status"] as { atc?: unknown } | undefined)?.atc !== undefined;
    context.causes.add(key, {
      change: started ? "started" : change === "added" ? "created" : "updated",
      object: refOf(object),
      resourceVersion: object.metadata.resourceVersion ?? "",
      at: performance.now(),
    });
  }
  context.queue.add(key, { priority });
}

/** Somebody waits for it, who would otherwise look again after a while only. */
function kindServed({ accesses, causes, queue }: AirwayContext, key: string): void {
  const object = refOfTrackedKey(key);
  for (const { instance } of accesses.all().flatMap(({ index }) => index.dependents(key))) {
    causes.add(instance, { change: "served", object, resourceVersion: "", at: performance.now() });
    queue.add(instance);
  }
}

function dependencyChanged(
  context: AirwayContext,
  { index }: Pick<Access, "index">,
  { tracked, before, after, change, origin }: TrackedChange<ObjectFacts>,
): void {
  const shape = !sameShape(before, after);
  const readiness = !sameReadiness(before, after);
  for (const dependent of index.dependents(tracked.key)) {
    if (dependent.instance === origin) continue;
    const key = queueKeyOf(dependent.instance);
    const owner = ownerOf(context, key);
    const renders = dependent.lookup || (shape && reactsToChildren({ mode: owner?.mode() }));
    // Nothing before and nothing after: the object could not be read until now.
    const readable = before === undefined && after === undefined;
    if (!renders && !shape && !readiness && !readable) continue;
    if (renders && owner !== undefined) {
      const { ref: object, resourceVersion } = tracked;
      context.causes.add(key, { change, object, resourceVersion, at: performance.now() });
    }
    // A status can wait until what is out of date is rolled.
    context.queue.add(key, { priority: renders ? "normal" : "low" });
  }
}

async function processKey(context: AirwayContext, key: string): Promise<NextLook> {
  const target = parseKey(key);
  try {
    if (target.type === "airway") return await reconcileAirway(context, target.airway);
    const owner = ownerOf(context, key);
    if (owner?.object() === undefined) await forgetRelease(context, key);
    else if (context.leads()) return await reconcileRelease(context, owner);
    return {};
  } catch (error) {
    const code = error instanceof CodedError ? error.code : "UNKNOWN";
    context.metrics.reconcileErrors.inc({ loop: target.type, code });
    context.log.warn({ ...target, error: describeError(error) }, "run failed; it is repeated");
    throw error;
  }
}
