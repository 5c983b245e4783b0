/**
 * Joins the rooms: watches feed the dependency index, the index feeds the queue, the queue runs the loops.
 */

import { CodedError, describeError } from "../../lib/errors.ts";
import { parseAirway } from "../airway/spec.ts";
import { KindWatch } from "../dynamic/kindWatch.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import type { KubeClient } from "../kube/client.ts";
import type { ResourceType } from "../kube/object.ts";
import { createQueue } from "../kube/queue.ts";
import { createReflector, type Reflector, type ReflectorHandler, type WatchEnd } from "../kube/reflector.ts";
import { crdType } from "../kube/resourceTypes.ts";
import type { ModuleStore } from "../modules/store.ts";
import type { EventRecorder } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Check } from "../observe/server.ts";
import type { Tracing } from "../observe/tracing.ts";
import { agesByKind, checkWatches } from "../observe/watches.ts";
import { AccessBook } from "./accesses.ts";
import { type AirwayContext, reconcileAirway } from "./airway.ts";
import { loadConverter } from "./airwayFlight.ts";
import { CauseBook } from "./causes.ts";
import { ownerStores } from "./context.ts";
import { flightKinds } from "./flight.ts";
import { flushHistory } from "./history.ts";
import type { Keyring } from "./keyring.ts";
import { airwayKey, flightKey, parseKey } from "./keys.ts";
import { longestPause } from "./longestPause.ts";
import { OwnerStore } from "./ownerStore.ts";
import { paceLimits } from "./pace.ts";
import { ReadinessRules } from "./readinessRules.ts";
import { reconcileRelease } from "./release.ts";
import { forgetRelease } from "./restore.ts";
import type { AirwayView } from "./reviews.ts";
import type { NextLook } from "./run.ts";
import { airwayType, catchUp, installKinds, persist, served } from "./startUp.ts";
import { traceRun } from "./trace.ts";
import { airwayHandler, dependencyChanged, kindServed, ownerChanged, ownerOf } from "./triggers.ts";
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
  /** Whether nothing is queued or running just now. */
  atRest(): boolean;
  /** Whether runs that matter wait for a worker: what can wait should. */
  pressed(): boolean;
  /** For webhooks. */
  readonly airways: AirwayView;
}

/** A watch without any sign of life for this long makes the controller unready. Bookmarks come about once a minute. */
const oldestWatchMs = 180_000;

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
        await installKinds(context, stopping.signal);
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
    atRest: () => {
      const { queued, running } = queue.stats();
      return queued + running === 0;
    },
    pressed: () => queue.pressed(),
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
    registrationChanged(airway) {
      if (context.airwayObjects.has(airway)) context.queue.add(airwayKey(airway), { priority: "high" });
    },
  };
}

function flightStore(context: AirwayContext, type: ResourceType): OwnerStore {
  return new OwnerStore({
    type,
    keyOf: ({ metadata }) => flightKey(type.kind, metadata.namespace ?? "", metadata.name),
    openReflector: handler => context.openReflector(type, handler),
    changed: context.ownerChanged,
  });
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
