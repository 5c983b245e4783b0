/**
 * The flight of an Airway: loaded from its URL, and recorded in the Airway's status, so that a restart still knows what
 * a pinnable URL gave so far (contract §7, W19).
 */
import { recordOf } from "../../lib/json.ts";
import type { AirwaySpec } from "../airway/spec.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import type { LoadedModule, ModuleStore } from "../modules/store.ts";
import type { ConfigMapUrl } from "../modules/url.ts";

/** `status.atc.flight` of an Airway. */
export interface FlightRecord {
  readonly url: string;
  readonly sha256: string;
}

/** Reads an object that becomes a dependency of the Airway. */
export type ReadObject = (ref: ObjectRef) => Promise<KubeObject | undefined>;

/** @throws what `ModuleStore.load` throws */
export function loadFlight(
  modules: ModuleStore,
  airway: KubeObject,
  spec: AirwaySpec,
  read: ReadObject,
): Promise<LoadedModule> {
  const record = flightRecord(airway);
  return modules.load({
    url: spec.flightUrl,
    checksum: spec.flightChecksum,
    insecure: spec.insecure,
    pinned: record?.url === spec.flightUrl ? record.sha256 : undefined,
    fresh: !isTold(airway),
    readConfigMap: url => readConfigMap(url, read),
  });
}

/** undefined: the Airway has none. */
export async function loadConverter(
  modules: ModuleStore,
  { converter, insecure }: Pick<AirwaySpec, "converter" | "insecure">,
  read: ReadObject,
): Promise<LoadedModule | undefined> {
  if (converter === undefined) return undefined;
  return modules.load({ ...converter, insecure, readConfigMap: url => readConfigMap(url, read) });
}

export function flightRecord(airway: KubeObject): FlightRecord | undefined {
  const { atc } = (airway["status"] ?? {}) as { atc?: { flight?: Partial<FlightRecord> } };
  const { url, sha256 } = atc?.flight ?? {};
  return url === undefined || sha256 === undefined ? undefined : { url, sha256 };
}

/** Whether the present spec had an answer already: a changed one asks the source anew. */
function isTold({ metadata, ...airway }: KubeObject): boolean {
  const { conditions = [] } = (airway["status"] ?? {}) as { conditions?: { observedGeneration?: number }[] };
  return conditions.some(({ observedGeneration }) => observedGeneration === metadata.generation);
}

/** For `configmap://`. */
export async function readConfigMap({ namespace, name, key }: ConfigMapUrl, read: ReadObject) {
  const object = await read({ apiVersion: "v1", kind: "ConfigMap", namespace, name });
  const text = entry(object?.["data"], key);
  if (text !== undefined) return Buffer.from(text);
  const base64 = entry(object?.["binaryData"], key);
  return base64 === undefined ? undefined : Buffer.from(base64, "base64");
}

function entry(map: unknown, key: string): string | undefined {
  const value = Object.getOwnPropertyDescriptor(recordOf(map), key)?.value;
  return typeof value === "string" ? value : undefined;
}
