/**
 * What an event sets going: who looks again, because of what, and how soon. An event of an owner leads to its own key, one
 * of anything else to those who depend on it.
 */

import { refOfTrackedKey, type TrackedChange } from "../dynamic/tracker.ts";
import { type KubeObject, refOf } from "../kube/object.ts";
import type { Priority } from "../kube/queue.ts";
import { nameKey, type ReflectorHandler } from "../kube/reflector.ts";
import { type ObjectFacts, sameReadiness, sameShape } from "../release/facts.ts";
import type { AirwayContext } from "./airway.ts";
import type { Access } from "./context.ts";
import { flightOwner } from "./flight.ts";
import { instanceOwner } from "./instance.ts";
import { airwayKey, parseKey, queueKeyOf } from "./keys.ts";
import type { Owner } from "./owner.ts";
import type { OwnerChange } from "./ownerStore.ts";
import { reactsToChildren } from "./releaseSpec.ts";
import { beginRelease, followRelease } from "./restore.ts";

export function airwayHandler(context: AirwayContext): ReflectorHandler {
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

export function ownerChanged(context: AirwayContext, key: string, change: OwnerChange, object: KubeObject): void {
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

export function dependencyChanged(
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

/** Somebody waits for it, who would otherwise look again after a while only. */
export function kindServed({ accesses, causes, queue }: AirwayContext, key: string): void {
  const object = refOfTrackedKey(key);
  for (const { instance } of accesses.all().flatMap(({ index }) => index.dependents(key))) {
    causes.add(instance, { change: "served", object, resourceVersion: "", at: performance.now() });
    queue.add(instance);
  }
}

/** undefined: the Airway of the kind is gone. */
export function ownerOf(context: AirwayContext, key: string): Owner | undefined {
  const target = parseKey(key);
  if (target.type === "airway") return undefined;
  if (target.type === "flight") {
    const flights = context.flights.get(target.kind);
    return flights === undefined ? undefined : flightOwner(context, flights, target);
  }
  const airway = context.airways.get(target.airway);
  return airway === undefined ? undefined : instanceOwner(context, airway, target);
}
