/**
 * How one release is rendered and under which name, whatever kind of object owns it: an instance of an Airway's kind,
 * a Flight or a ClusterFlight. Plain data; the loop (`release.ts`) and the trial render of an admission know no more.
 */

import type { Matcher } from "../airway/matcher.ts";
import type { AirwaySpec, Mode } from "../airway/spec.ts";
import type { FlightModule } from "../flight/sandbox.ts";
import type { KubeObject, ResourceType } from "../kube/object.ts";
import { releaseName } from "../release/normalise.ts";
import { reconcileErrors } from "./errors.ts";

/** What leaves a release: deleted when true, else let go. */
export interface Prune {
  readonly crds: boolean;
  readonly namespaces: boolean;
}

export interface ReleaseSpec {
  /** Instances have marks of their own, and may be returned by their flight (contract §8 lists the differences). */
  readonly ownerKind: "instance" | "flight";
  readonly module: FlightModule;
  readonly moduleUrl: string;
  /** That the owner or its Airway asks for: sha256 hex. The module has it. */
  readonly moduleChecksum: string | undefined;
  /** When to ask the URL again; undefined: never, or an event tells. */
  readonly lookAgainMs: number | undefined;
  readonly mode: Mode;
  readonly clusterAccess: boolean;
  readonly matchers: readonly Matcher[];
  /** undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly maxMemoryMib: number;
  readonly prune: Prune;
  /** Revisions kept; Infinity is unlimited. */
  readonly historyCapSize: number;
  /** undefined: no re-run. */
  readonly fixDriftIntervalMs: number | undefined;
  /** Between rolls that a change of what was looked up leads to; undefined: none. */
  readonly minRollIntervalMs: number | undefined;
  /** Whether objects may name other namespaces than the release's. */
  readonly crossNamespace: boolean;
  /** After `argv[0]`, which is the release name. */
  readonly args: readonly string[];
  /** stdin: the value at a path of the owner, as JSON (an empty path is the whole owner), or a text as it is. */
  readonly input: { readonly objectPath: readonly string[] } | { readonly text: string };
}

/** Which release it is, and how others recognise its objects (contract §0). */
export interface ReleaseName {
  /** Flights know it as YOKE_RELEASE, objects carry it as an annotation. */
  readonly release: string;
  /** The owner's namespace; `default` for cluster-scoped owners. */
  readonly namespace: string;
  /** `<namespace>/<release>`; of Flights with their uid (see `flightOwnerKey`). */
  readonly owner: string;
  /** Under which revisions are kept; of Flights with a prefix that tells their kind. */
  readonly history: string;
}

export function instanceReleaseName(
  type: Pick<ResourceType, "group" | "kind">,
  { namespace, name }: { namespace: string; name: string },
): ReleaseName {
  const release = releaseName({ group: type.group, kind: type.kind, namespace, name });
  const releaseNamespace = namespace === "" ? "default" : namespace;
  return { release, namespace: releaseNamespace, owner: `${releaseNamespace}/${release}`, history: release };
}

/** What an Airway says of each of its instances. */
export function instanceReleaseSpec(airway: AirwaySpec, module: FlightModule): ReleaseSpec {
  return {
    ownerKind: "instance",
    module,
    moduleUrl: airway.flightUrl,
    moduleChecksum: airway.flightChecksum,
    // The Airway's own loop does.
    lookAgainMs: undefined,
    mode: airway.mode,
    clusterAccess: airway.clusterAccess,
    matchers: airway.resourceAccessMatchers,
    timeoutMs: airway.timeoutMs,
    maxMemoryMib: airway.maxMemoryMib,
    prune: airway.prune,
    historyCapSize: airway.historyCapSize,
    fixDriftIntervalMs: airway.fixDriftIntervalMs,
    minRollIntervalMs: airway.minRollIntervalMs,
    crossNamespace: airway.scope === "Cluster",
    args: [],
    input: { objectPath: airway.objectPath },
  };
}

/** Whether a change of what the flight looked up calls for another render. */
export function reactsToLookups({ mode }: Pick<ReleaseSpec, "mode">): boolean {
  return mode === "dynamic" || mode === "subscription";
}

/**
 * Whether a change of what was rendered calls for another render. In static mode such changes are denied; one that slipped
 * through, because no webhook was there to ask, is put right.
 */
export function reactsToChildren({ mode }: { readonly mode: Mode | undefined }): boolean {
  return mode === "dynamic" || mode === "static";
}

/** @throws FLIGHT_BAD_INPUT_PATH */
export function stdinOf({ input }: Pick<ReleaseSpec, "input">, owner: KubeObject): string {
  return "text" in input ? input.text : JSON.stringify(valueAt(owner, input.objectPath));
}

/** The value at `path`; a missing one yields null (contract §1.1). */
function valueAt(owner: KubeObject, path: readonly string[]): unknown {
  let value: unknown = withoutRecord(owner);
  for (const [index, step] of path.entries()) {
    if (value === null || value === undefined) return null;
    if (typeof value !== "object" || Array.isArray(value)) {
      const at = path.slice(0, index).join(".") || "the instance";
      throw reconcileErrors.FLIGHT_BAD_INPUT_PATH({ path: path.join("."), at });
    }
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value ?? null;
}

/** The controller's own record is no business of a flight: it changes with every render. */
function withoutRecord(owner: KubeObject): KubeObject {
  const { status } = owner;
  if (status === null || typeof status !== "object" || !("atc" in status)) return owner;
  const { atc: _, ...rest } = status;
  return { ...owner, status: rest };
}
