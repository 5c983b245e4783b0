/**
 * The keys of the work queue, the dependency index and the cause book: one name space for Airways and for all that owns
 * a release.
 */

export type QueueKey =
  | { readonly type: "airway"; readonly airway: string }
  | { readonly type: "instance"; readonly airway: string; readonly namespace: string; readonly name: string }
  | { readonly type: "flight"; readonly kind: string; readonly namespace: string; readonly name: string };

export function airwayKey(airway: string): string {
  return `airway|${airway}`;
}

export function instanceKey(airway: string, namespace: string, name: string): string {
  return `instance|${airway}|${namespace}|${name}`;
}

/** `kind`: Flight or ClusterFlight. */
export function flightKey(kind: string, namespace: string, name: string): string {
  return `flight|${kind}|${namespace}|${name}`;
}

export function parseKey(key: string): QueueKey {
  const [type, of = "", namespace = "", name = ""] = key.split("|");
  if (type === "airway") return { type, airway: of };
  return type === "flight" ? { type, kind: of, namespace, name } : { type: "instance", airway: of, namespace, name };
}

const modulePrefix = "module|";

/** In the dependency index: what the owner's own module is read from. It is not the release that depends on that. */
export function moduleKey(ownerKey: string): string {
  return `${modulePrefix}${ownerKey}`;
}

/** Whose run a change leads to. */
export function queueKeyOf(dependent: string): string {
  return dependent.startsWith(modulePrefix) ? dependent.slice(modulePrefix.length) : dependent;
}
