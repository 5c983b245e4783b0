/** What the benches share: work at the same concurrency for all, times, and what the controller says of itself. */
import { setTimeout as delay } from "node:timers/promises";
import type { Atc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";

/** As many as the controller reconciles at a time. */
const concurrency = 8;
export const patience = { timeoutMs: 1_800_000 };
/** What a bench applies itself, beside the controller. */
export const asBench = { fieldManager: "bench", force: true };

export async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items].reverse();
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await action(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

export async function seconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

export function rendered(atc: Atc): Promise<number> {
  return atc.metric("atc_renders_total", { result: "rendered" });
}

/** Seconds of CPU since its start, of all its threads. */
export function cpuSeconds(atc: Atc): Promise<number> {
  return atc.metric("process_cpu_seconds_total");
}

export async function memory(atc: Atc): Promise<{ residentMib: number; heapMib: number }> {
  const [resident, heap] = await Promise.all([
    atc.metric("process_resident_memory_bytes"),
    atc.metric("nodejs_heap_size_used_bytes"),
  ]);
  return { residentMib: resident / 2 ** 20, heapMib: heap / 2 ** 20 };
}

export function describeMemory({ residentMib, heapMib }: { residentMib: number; heapMib: number }): string {
  return `${residentMib.toFixed(0)} MiB, heap ${heapMib.toFixed(0)} MiB`;
}

/** Resolves when so many renders more were made, and nothing is under way. */
export async function renders(atc: Atc, count: number, since: number): Promise<void> {
  await eventually(
    `${count} instances are rendered`,
    async () => {
      const done = (await rendered(atc)) - since;
      if (done < count) throw new Error(`${done} are`);
    },
    patience,
  );
  await eventually("all is written", () => atc.kept(), patience);
}

/** Requests of the controller that change something, or try to. */
export async function writes(atc: Atc): Promise<number> {
  const verbs = ["PATCH", "POST", "PUT", "DELETE"];
  const counts = await Promise.all(verbs.map(verb => atc.metric("atc_api_requests_total", { verb })));
  return counts.reduce((sum, each) => sum + each, 0);
}

/** Longer than the controller waits for more rolls before it writes their history. */
const restMs = 6_000;

/** Resolves when nothing was written for a while: history and words about readiness follow a roll at leisure. */
export async function atRest(atc: Atc): Promise<void> {
  for (let before = -1, now = await writes(atc); now !== before; now = await writes(atc)) {
    before = now;
    await delay(restMs);
  }
}
