/** A Flight or ClusterFlight as the owner of a release (contract §8): it names its module and input itself. */

import { type Account, accountOf, namedAccount } from "../airway/account.ts";
import { clusterFlightCrd, flightCrd } from "../airway/crds.ts";
import { type FlightSpec, parseFlight } from "../airway/flightSpec.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import { type KubeObject, parseApiVersion, type ResourceType, refKey } from "../kube/object.ts";
import { flightOwnerKey } from "../release/normalise.ts";
import type { ReleaseRecord } from "../release/record.ts";
import type { Access, Context } from "./context.ts";
import { flightKey } from "./keys.ts";
import type { Owner } from "./owner.ts";
import type { OwnerStore } from "./ownerStore.ts";
import { loadOwnModule, type OwnModule } from "./ownModule.ts";
import type { ReleaseName, ReleaseSpec } from "./releaseSpec.ts";

export interface FlightKind {
  readonly type: ResourceType;
  readonly crd: KubeObject;
}

const common = { group: "yoke.cd", version: "v1alpha1", apiVersion: "yoke.cd/v1alpha1" };

export const flightKinds: readonly FlightKind[] = [
  { type: { ...common, kind: "Flight", plural: "flights", namespaced: true }, crd: flightCrd },
  { type: { ...common, kind: "ClusterFlight", plural: "clusterflights", namespaced: false }, crd: clusterFlightCrd },
];

export function flightOwner(
  context: Context,
  flights: OwnerStore,
  target: { readonly namespace: string; readonly name: string },
): Owner {
  const { type } = flights;
  const key = flightKey(type.kind, target.namespace, target.name);
  const flight = flights.get(key);
  const access = context.accesses.of(flight && flightAccount(type, flight));
  return {
    key,
    type,
    name: flightReleaseName(type, { ...target, uid: flight?.metadata.uid ?? "" }),
    airway: type.kind,
    access,
    reference: undefined,
    object: () => flights.get(key),
    input: () => flights.inputOf(key),
    observe: object => flights.observe(object),
    mode: () => "standard",
    async spec(object) {
      const spec = parseFlight(object);
      const { url, checksum, insecure } = spec;
      return flightReleaseSpec(type, spec, await loadOwnModule(context, key, object, { url, checksum, insecure }));
    },
    prune: pruneOf,
    fields: record => ({ inventory: inventoryOf(access, record) }),
  };
}

/** Objects carry the plain name, as yoke's do; the uid tells the two kinds and yoke's command line apart (W11). */
export function flightReleaseName(
  type: Pick<ResourceType, "kind" | "group">,
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
): ReleaseName {
  const releaseNamespace = namespace === "" ? "default" : namespace;
  return {
    release: name,
    namespace: releaseNamespace,
    owner: flightOwnerKey(`${releaseNamespace}/${name}`, uid),
    history: `${namespace}/${type.kind}.${type.group}:${name}`,
  };
}

export function flightReleaseSpec(
  { namespaced }: Pick<ResourceType, "namespaced">,
  spec: FlightSpec,
  { module, lookAgainMs }: OwnModule,
): ReleaseSpec {
  return {
    ownerKind: "flight",
    module,
    moduleUrl: spec.url,
    moduleChecksum: spec.checksum,
    lookAgainMs,
    mode: "standard",
    clusterAccess: spec.clusterAccess,
    matchers: spec.resourceAccessMatchers,
    timeoutMs: spec.timeoutMs,
    maxMemoryMib: spec.maxMemoryMib,
    prune: spec.prune,
    historyCapSize: spec.historyCapSize,
    fixDriftIntervalMs: spec.fixDriftIntervalMs,
    minRollIntervalMs: spec.minRollIntervalMs,
    crossNamespace: !namespaced,
    args: spec.args,
    input: { text: spec.input },
  };
}

/** Of a Flight always one of its own namespace, whatever it says. */
export function flightAccount(
  { namespaced }: Pick<ResourceType, "namespaced">,
  object: KubeObject,
): Account | undefined {
  const name = namedAccount(object);
  const { namespace = "" } = object.metadata;
  return namespaced && name !== undefined ? { namespace, name } : accountOf(name, namespace);
}

/** Leniently: the end must not depend on the rest of the spec. */
function pruneOf(object: KubeObject): ReleaseSpec["prune"] {
  const { prune } = (object["spec"] ?? {}) as { prune?: { crds?: unknown; namespaces?: unknown } | null };
  return { crds: prune?.crds === true, namespaces: prune?.namespaces === true };
}

/** `status.inventory` (contract §1.3). */
function inventoryOf({ tracker }: Pick<Access, "tracker">, { inventory }: ReleaseRecord): unknown[] {
  return inventory.map(entry => {
    const facts = tracker.get(trackedKey(entry))?.facts;
    const ready = facts?.ready === true && !facts.deleting;
    return { resource: refKey(entry), version: parseApiVersion(entry.apiVersion).version, ready };
  });
}
