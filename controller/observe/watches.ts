/** How the watches are: for the metrics, and for `/readyz`. */
import { groupKind } from "../kube/object.ts";
import type { Reflector } from "../kube/reflector.ts";
import type { Check } from "./server.ts";

type Watch = Pick<Reflector, "type" | "state">;

/** A flight may name any kind, and a metric may not have a label for each. */
const mostKinds = 100;
const otherKinds = "other";

/** Milliseconds since a sign of life of the most silent watch, by kind. */
export function agesByKind(watches: readonly Watch[]): ReadonlyMap<string, number> {
  const ages = new Map<string, number>();
  for (const watch of watches) {
    const own = groupKind(watch.type);
    const kind = ages.has(own) || ages.size < mostKinds ? own : otherKinds;
    ages.set(kind, Math.max(ages.get(kind) ?? 0, watch.state().ageMs));
  }
  return ages;
}

/** Fails while a watch has been without a sign of life for longer than `oldestMs`. */
export function checkWatches(watches: readonly Watch[], oldestMs: number): Check {
  const silent = watches.filter(watch => watch.state().ageMs > oldestMs);
  const words = [...agesByKind(silent)].map(([kind, age]) => `${kind} for ${Math.round(age / 1000)} s`);
  const detail = `${silent.length} of ${watches.length} watches gave no sign of life: ${words.join(", ")}`;
  return { name: "watches", ok: silent.length === 0, detail };
}
