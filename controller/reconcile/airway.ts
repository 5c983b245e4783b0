/**
 * The loop of one Airway: load its flight, apply its CRD, watch its instances (contract §2.1).
 *
 * A flight or spec that cannot be used does not stop one that can: the former one keeps working, and the Ready
 * condition tells. Everything an Airway depends on (the ConfigMap of its flight, its CRD) is watched like the
 * dependencies of an instance, so each cure leads here again.
 *
 * A replica that stands by goes the same way and writes nothing, so it has flight and instances at hand when it leads.
 */

import { CodedError } from "../../lib/errors.ts";
import { accountOf, namedAccount } from "../airway/account.ts";
import { instanceCrd } from "../airway/crd.ts";
import { errors } from "../airway/errors.ts";
import { type AirwaySpec, parseAirway } from "../airway/spec.ts";
import type { Draft } from "../dynamic/dependencyIndex.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError, isOfTheMoment } from "../kube/errors.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import type { Reflector, ReflectorHandler } from "../kube/reflector.ts";
import { digest, fieldManager, ownedFields } from "../release/fields.ts";
import { type ActiveAirway, airwayReference, type Serving } from "./activeAirway.ts";
import { type FlightRecord, flightRecord, loadConverter, loadFlight } from "./airwayFlight.ts";
import { type Context, forgetDependencies } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { airwayKey, instanceKey } from "./keys.ts";
import { lookupNeeds } from "./needs.ts";
import { type OwnerChange, OwnerStore } from "./ownerStore.ts";
import type { NextLook } from "./run.ts";
import { type Ready, writeStatus } from "./status.ts";
import { watchedObject } from "./watchedObject.ts";

const airwayFinalizer = "yoke.cd/strip.airway";

export interface AirwayContext extends Context {
  /** All Airways, by name; kept by the watch and by our own writes' answers. */
  readonly airwayObjects: Map<string, KubeObject>;
  openReflector(type: ResourceType, handler: ReflectorHandler): Reflector;
  ownerChanged(key: string, change: OwnerChange, object: KubeObject): void;
  /** The CRD as applied last, by Airway: its digest and the fields that are ours. */
  readonly appliedCrds: Map<string, { digest: string; fields: string }>;
}

export async function reconcileAirway(context: AirwayContext, name: string): Promise<NextLook> {
  const airway = context.airwayObjects.get(name);
  if (airway === undefined) return forgetAirway(context, name);
  if (airway.metadata.deletionTimestamp !== undefined) return terminate(context, airway);
  const draft = context.index.begin(airwayKey(name));
  let record: FlightRecord | undefined;
  try {
    if (context.leads() && !(await adopt(context, airway))) return { requeueAfterMs: conflictRetryMs };
    const spec = parseAirway(airway);
    requireWebhooks(context, name, spec);
    const read = (ref: ObjectRef) => watchedObject(context, draft, ref);
    const loaded = await loadFlight(context.modules, airway, spec, read);
    const flight = loaded.module;
    const converter = (await loadConverter(context.modules, spec, read))?.module;
    const crd = await applyCrd(context, draft, airway, spec);
    if (crd === undefined || !(await isServed(context, servedType(crd)))) {
      // One that is being deleted waits for its instances, and they for their loop.
      if (context.tracker.get(trackedKey(crdRef(name)))?.facts?.deleting === true) {
        await watchInstancesOf(context, draft, airway);
      }
      await tell(context, airway, { status: "False", reason: "InProgress", message: `waiting for CRD ${name}` });
      return crd === undefined ? {} : { requeueAfterMs: servedRetryMs };
    }
    const unguarded = await guard(context, airway, spec).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    await requireRights(context, spec);
    for (const orphan of context.index.commit(draft)) context.tracker.untrack(orphan);
    await activate(context, airway, crd, { spec, flight, converter });
    record = { url: spec.flightUrl, sha256: flight.digest };
    // Not before: instances that are there go on being rendered, reviewed or not.
    if (unguarded !== undefined) throw unguarded.error;
    const serving = `serving ${spec.apiVersion} ${spec.kind} with flight sha256:${flight.digest}`;
    const message = loaded.problem === undefined ? serving : `${serving}; ${textOf(loaded.problem)}`;
    await tell(context, airway, { status: "True", reason: "Ready", message }, record);
    if (loaded.problem !== undefined) warn(context, airway, message);
    return loaded.lookAgainMs === undefined ? {} : { requeueAfterMs: loaded.lookAgainMs };
  } catch (error) {
    // A restart with a spec that is broken now must still finish the deletion of instances.
    await watchInstancesOf(context, draft, airway);
    const problem = textOf(error);
    const former = context.airways.get(name)?.serving?.flight;
    const message =
      former === undefined ? problem : `${problem}; instances are still rendered by flight sha256:${former.digest}`;
    if (context.leads() && !isOfTheMoment(error)) {
      await tell(context, airway, { status: "False", reason: "Error", message }, record);
      warn(context, airway, message);
    }
    // Nothing but another URL, or another start of the controller, would make it allowed.
    if (error instanceof CodedError && error.code === "MODULE_NOT_ALLOWED") return {};
    throw error;
  }
}

function textOf(error: unknown): string {
  return error instanceof CodedError ? `${error.message} (${error.code})` : String(error);
}

function warn({ events, leads }: Context, airway: KubeObject, note: string): void {
  if (leads()) events.record(airway, { type: "Warning", reason: "Error", action: "Load", note });
}

/** For a write that met a newer version, whose event may be none that queues a run. */
const conflictRetryMs = 500;

/** Adds the finalizer. False when the Airway changed meanwhile. */
async function adopt(context: AirwayContext, airway: KubeObject): Promise<boolean> {
  const { finalizers = [] } = airway.metadata;
  if (finalizers.includes(airwayFinalizer)) return true;
  return patchFinalizers(context, airway, [...finalizers, airwayFinalizer]);
}

async function patchFinalizers(context: AirwayContext, airway: KubeObject, finalizers: string[]): Promise<boolean> {
  const { name, resourceVersion } = airway.metadata;
  const ref = { apiVersion: airway.apiVersion, kind: airway.kind, namespace: "", name };
  try {
    const options = { type: "merge", fieldManager: controllerName } as const;
    await context.client.patch(ref, { metadata: { resourceVersion, finalizers } }, options);
    return true;
  } catch (error) {
    if (isKubeError(error, "KUBE_CONFLICT", "KUBE_NOT_FOUND")) return false;
    throw error;
  }
}

/** Before anything is rendered. An account without a namespace is another one for each instance, whose loop asks. */
async function requireRights({ accesses, client }: AirwayContext, spec: AirwaySpec): Promise<void> {
  const { serviceAccountName } = spec;
  if (serviceAccountName !== undefined && !serviceAccountName.includes("/")) return;
  const { rights } = accesses.of(accountOf(serviceAccountName, ""));
  await rights.require(await lookupNeeds(client.discovery, { ...spec, matchers: spec.resourceAccessMatchers }));
}

/** What nobody would keep is not promised. */
function requireWebhooks({ webhooks }: AirwayContext, airway: string, { mode, converter }: AirwaySpec): void {
  if (webhooks !== undefined) return;
  if (mode === "static") throw errors.AIRWAY_STATIC_NEEDS_ADMISSION({ airway });
  if (converter !== undefined) throw errors.AIRWAY_CONVERTER_NEEDS_ADMISSION({ airway });
}

function crdRef(name: string): ObjectRef {
  return { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", namespace: "", name };
}

/** Registers the webhooks of the Airway's instances. */
async function guard({ webhooks }: Context, { metadata }: KubeObject, spec: AirwaySpec): Promise<void> {
  await webhooks?.setAirway(spec, airwayReference(metadata.name, metadata.uid ?? ""));
}

/**
 * Applies the CRD where it differs from what was applied last or somebody changed our fields. Without force: foreign
 * edits of our fields are a conflict to be told, not overwritten. Undefined until it is established.
 */
async function applyCrd(
  context: AirwayContext,
  draft: Draft,
  airway: KubeObject,
  spec: AirwaySpec,
): Promise<KubeObject | undefined> {
  const ref = crdRef(airway.metadata.name);
  const conversion = spec.converter && context.webhooks?.converter(airway.metadata.name);
  const desired = instanceCrd(airway, spec, conversion);
  const live = await watchedObject(context, draft, ref);
  const facts = context.tracker.get(trackedKey(ref))?.facts;
  const own = `Airway ${airway.metadata.name}`;
  if (facts !== undefined && facts.owner !== "" && facts.owner !== own) {
    throw reconcileErrors.RELEASE_OWNED_BY_OTHER({ own, object: ref.name, other: facts.owner });
  }
  const wanted = digest(JSON.stringify(desired));
  const former = context.appliedCrds.get(ref.name);
  // Of what is written before the gate stands nobody can tell who wrote it.
  if (context.leads() && live === undefined) await guard(context, airway, spec);
  if (context.leads() && (live === undefined || former?.digest !== wanted || former.fields !== facts?.fields)) {
    const applied = await context.tracker.write(trackedKey(ref), airwayKey(ref.name), async () => {
      return (await context.client.apply(desired, { fieldManager, force: false })).object;
    });
    context.appliedCrds.set(ref.name, { digest: wanted, fields: ownedFields(applied) });
  }
  const tracked = context.tracker.get(trackedKey(ref));
  return tracked?.facts?.ready === true && !tracked.facts.deleting ? tracked.object : undefined;
}

/** The API server serves a kind some moments after its CRD is established, and no event says when. */
async function isServed({ client: { discovery } }: Context, type: ResourceType): Promise<boolean> {
  if ((await discovery.resolve(type.apiVersion, type.kind)) !== undefined) return true;
  discovery.invalidate(type.apiVersion);
  return (await discovery.resolve(type.apiVersion, type.kind)) !== undefined;
}

const servedRetryMs = 50;

async function activate(context: AirwayContext, airway: KubeObject, crd: KubeObject, serving: Serving): Promise<void> {
  const active = await watchInstances(context, airway, crd);
  const former = active.serving;
  active.serving = serving;
  active.serviceAccountName = serving.spec.serviceAccountName;
  if (former !== undefined && servingDigest(former) === servingDigest(active.serving)) return;
  const change = former?.flight.digest === serving.flight.digest ? "updated" : "flight changed";
  for (const key of active.instances.keys()) {
    if (former !== undefined) {
      const object = { apiVersion: airway.apiVersion, kind: airway.kind, namespace: "", name: airway.metadata.name };
      const resourceVersion = airway.metadata.resourceVersion ?? "";
      context.causes.add(key, { change, object, resourceVersion, at: performance.now() });
    }
    context.queue.add(key, { priority: "low" });
  }
}

function servingDigest({ spec, flight }: Serving): string {
  return digest(JSON.stringify([spec, flight.digest]));
}

/** The watch of the instances, in the version that etcd holds; opened anew only when that kind changed. */
async function watchInstances(context: AirwayContext, airway: KubeObject, crd: KubeObject): Promise<ActiveAirway> {
  const { name, uid = "" } = airway.metadata;
  const type = servedType(crd);
  const present = context.airways.get(name);
  const sameType = JSON.stringify(present?.instances.type) === JSON.stringify(type);
  if (present !== undefined && sameType && present.reference.uid === uid) return present;
  await present?.instances.reflector.stop();
  const instances = new OwnerStore({
    type,
    keyOf: ({ metadata }) => instanceKey(name, metadata.namespace ?? "", metadata.name),
    openReflector: handler => context.openReflector(type, handler),
    changed: context.ownerChanged,
  });
  const serviceAccountName = namedAccount(airway);
  const reference = airwayReference(name, uid);
  const active: ActiveAirway = { name, reference, instances, serviceAccountName, serving: undefined };
  context.airways.set(name, active);
  instances.reflector.start();
  return active;
}

async function watchInstancesOf(context: AirwayContext, draft: Draft, airway: KubeObject): Promise<void> {
  const active = context.airways.get(airway.metadata.name);
  if (active !== undefined) {
    if (active.serving === undefined) active.serviceAccountName = namedAccount(airway);
    return;
  }
  const crd = await watchedObject(context, draft, crdRef(airway.metadata.name)).catch(() => undefined);
  if (crd !== undefined && isOwned(crd, airway)) await watchInstances(context, airway, crd);
}

interface CrdSpec {
  readonly group: string;
  readonly names: { readonly kind: string; readonly plural: string };
  readonly scope: string;
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

/** The storage version: the flight always sees that one (contract §2.3). */
function servedType(crd: KubeObject): ResourceType {
  const { group, names, scope, versions } = crd["spec"] as CrdSpec;
  const version = versions.find(candidate => candidate.storage)?.name ?? "";
  const { kind, plural } = names;
  return { group, version, apiVersion: `${group}/${version}`, kind, plural, namespaced: scope === "Namespaced" };
}

function isOwned(crd: KubeObject, airway: KubeObject): boolean {
  return crd.metadata.ownerReferences?.some(owner => owner.uid === airway.metadata.uid) === true;
}

/**
 * The CRD goes first and takes the instances with it; each is finished by its own loop. When the CRD is gone, so are
 * they, and the Airway may go.
 */
async function terminate(context: AirwayContext, airway: KubeObject): Promise<NextLook> {
  const { name, finalizers = [] } = airway.metadata;
  if (!finalizers.includes(airwayFinalizer)) return {};
  context.webhooks?.removeAirway(name);
  const draft = context.index.begin(airwayKey(name));
  const crd = await watchedObject(context, draft, crdRef(name));
  if (crd !== undefined && isOwned(crd, airway)) {
    await watchInstancesOf(context, draft, airway);
    if (!context.leads()) return {};
    await tell(context, airway, {
      status: "False",
      reason: "Terminating",
      message: `waiting for CRD ${name} to be gone`,
    });
    if (crd.metadata.deletionTimestamp === undefined) {
      await context.client.delete(crdRef(name), { uid: crd.metadata.uid ?? "", propagation: "Foreground" });
    }
    return {};
  }
  if (!context.leads()) return {};
  const rest = finalizers.filter(finalizer => finalizer !== airwayFinalizer);
  return (await patchFinalizers(context, airway, rest)) ? {} : { requeueAfterMs: conflictRetryMs };
}

async function forgetAirway(context: AirwayContext, name: string): Promise<NextLook> {
  const active = context.airways.get(name);
  context.webhooks?.removeAirway(name);
  context.airways.delete(name);
  context.appliedCrds.delete(name);
  context.causes.forget(airwayKey(name));
  forgetDependencies(context, airwayKey(name));
  await active?.instances.reflector.stop();
  for (const key of active?.instances.keys() ?? []) context.queue.add(key);
  return {};
}

/** `record`: of the flight that serves, where it is another one than before. */
async function tell(context: AirwayContext, airway: KubeObject, ready: Ready, record?: FlightRecord): Promise<void> {
  if (!context.leads()) return;
  const newest = context.airwayObjects.get(airway.metadata.name) ?? airway;
  // Another one of the same name: what is told is not about it.
  if (newest.metadata.uid !== airway.metadata.uid) return;
  const { generation } = airway.metadata;
  const metadata = { ...newest.metadata, ...(generation === undefined ? {} : { generation }) };
  const flight = record ?? flightRecord(newest);
  await writeStatus(context, { ...newest, metadata }, { ready, ...(flight && { atc: { flight } }) });
}
