/** The keys of the work queue, the dependency index and the cause book: one name space for Airways and instances. */

export type QueueKey =
  | { readonly type: "airway"; readonly airway: string }
  | { readonly type: "instance"; readonly airway: string; readonly namespace: string; readonly name: string };

export function airwayKey(airway: string): string {
  return `airway|${airway}`;
}

export function instanceKey(airway: string, namespace: string, name: string): string {
  return `instance|${airway}|${namespace}|${name}`;
}

export function parseKey(key: string): QueueKey {
  const [type, airway = "", namespace = "", name = ""] = key.split("|");
  return type === "airway" ? { type, airway } : { type: "instance", airway, namespace, name };
}
