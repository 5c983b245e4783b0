/**
 * What has to be there before a replica watches, and before it leads: the controller's own kinds, and all that the former
 * leader has written.
 */

import { describeError } from "../../lib/errors.ts";
import { airwayCrd } from "../airway/crds.ts";
import { pauseAfter } from "../kube/backoff.ts";
import type { KubeClient } from "../kube/client.ts";
import { sleep, systemClock } from "../kube/clock.ts";
import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import type { ResourceType } from "../kube/object.ts";
import type { Logger } from "../observe/log.ts";
import { type Context, ownerStores } from "./context.ts";
import { flightKinds } from "./flight.ts";

export const airwayType: ResourceType = {
  group: "yoke.cd",
  version: "v1alpha1",
  apiVersion: "yoke.cd/v1alpha1",
  kind: "Airway",
  plural: "airways",
  namespaced: false,
};

/** Waits until there are Airways to watch, or somebody says so. */
export async function served({ discovery }: KubeClient, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind } = airwayType;
  while (!signal.aborted) {
    const type = await discovery.resolve(apiVersion, kind).catch(() => undefined);
    if (type !== undefined) return;
    discovery.invalidate(apiVersion);
    await sleep(systemClock, 1_000, signal).catch(() => undefined);
  }
}

/** Ends by itself. A garbled or expired answer is no more than one of an API server, or of what is before it, in trouble. */
const passing = ["KUBE_UNAVAILABLE", "KUBE_THROTTLED", "KUBE_NOT_LEADER", "KUBE_PROTOCOL", "KUBE_GONE"] as const;

/** An API server that is not there yet is waited for. */
export async function persist(log: Logger, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
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

/** The controller's own kinds. */
export async function installKinds(context: Context, signal: AbortSignal): Promise<void> {
  const { client } = context;
  await client.apply(airwayCrd, { fieldManager: controllerName, force: true, signal });
  await installFlights(context, signal);
  client.discovery.invalidate(airwayType.apiVersion);
}

/** A role may leave Flights out. */
async function installFlights({ client, log }: Context, signal: AbortSignal): Promise<void> {
  for (const { type, crd } of flightKinds) {
    try {
      await client.apply(crd, { fieldManager: controllerName, force: true, signal });
    } catch (error) {
      if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
      log.warn({ kind: type.kind, error: describeError(error) }, "objects of this kind are not served");
    }
  }
}

/**
 * The watches may be behind the former leader's last write, and what it recorded must not be overwritten: a list is as
 * new as the cluster. The rest may come late, as always.
 */
export async function catchUp(context: Context, signal: AbortSignal): Promise<void> {
  for (const store of ownerStores(context)) {
    const list = await context.client.list(store.type, { signal }).catch(unlessUnserved);
    if (list !== undefined) store.refresh(list.items);
  }
  await Promise.allSettled(context.states.values());
}

function unlessUnserved(error: unknown): undefined {
  if (!isKubeError(error, "KUBE_UNKNOWN_KIND", "KUBE_FORBIDDEN")) throw error;
}
