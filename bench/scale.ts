/** What many instances cost: memory, the first render of all, one looked-up change for all of them, a restart. */

import type { Atc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { bareRoll, writeSecret } from "./roll.ts";
import type { Row } from "./stats.ts";
import { asBench, describeMemory, inParallel, memory, patience, rendered, renders, seconds } from "./work.ts";
import { createBackend, type World } from "./world.ts";

export async function measureScale(world: World, atc: Atc, count: number): Promise<Row[]> {
  const idle = await memory(atc);
  const names = Array.from({ length: count }, (_, index) => `scale-${index}`);
  const before = await rendered(atc);
  const initial = await seconds(async () => {
    await inParallel(names, name => createBackend(world, name, 0));
    await renders(atc, count, before);
  });
  const full = await memory(atc);
  const rolled = await rollAll(world, atc, names);
  return [
    { what: "memory of the ATC, idle", value: describeMemory(idle) },
    { what: `memory with ${count} Backends`, value: describeMemory(full) },
    { what: `${count} Backends created → all rendered, applied and kept`, value: `${initial.toFixed(1)} s` },
    ...rolled,
  ];
}

/** A write to every Secret, all at once; and the same by hand: each Secret written, each Deployment applied. */
async function rollAll(world: World, atc: Atc, names: string[]): Promise<Row[]> {
  const { client, hands } = world;
  const { namespace } = hands;
  const model = await hands.get(hands.deployment(names[0] ?? ""));
  const byHand = (value: string) =>
    inParallel(names, async name => {
      await writeSecret(client, namespace, `${name}-bare`, value);
      await client.apply(bareRoll(model, `${name}-bare`, value), asBench);
    });
  await byHand("first");
  const bare = await seconds(() => byHand("second"));
  const before = await patched(atc);
  const all = await seconds(async () => {
    await inParallel(names, name => writeSecret(client, namespace, name, `value-${Date.now()}`));
    await eventually(
      "every Deployment is patched",
      async () => {
        const done = (await patched(atc)) - before;
        if (done < names.length) throw new Error(`${done} of ${names.length}`);
      },
      patience,
    );
  });
  const count = names.length;
  return [
    { what: `${count} Secrets written and ${count} Deployments applied by hand`, value: `${bare.toFixed(1)} s` },
    { what: `${count} Secrets written → ${count} Deployments patched by the ATC`, value: `${all.toFixed(1)} s` },
    { what: "ratio", value: `${(all / bare).toFixed(2)} × by hand`, bound: "≤ 1.5" },
  ];
}

/** A controller that was away while nothing changed. */
export async function measureRestart(atc: Atc, startedAt: number, count: number): Promise<Row[]> {
  await eventually(
    "all instances are known again",
    async () => {
      const known = await atc.metric("atc_renders_total", { result: "skipped" });
      if (known < count) throw new Error(`${known} of ${count}`);
    },
    patience,
  );
  const took = (performance.now() - startedAt) / 1000;
  const renders = await rendered(atc);
  const bound = "≤ 15 s at 10,000, 0 renders";
  return [
    { what: `restart with ${count} Backends → steady state`, value: `${took.toFixed(1)} s, ${renders} renders`, bound },
  ];
}

function patched(atc: Atc): Promise<number> {
  return atc.metric("atc_applies_total", { result: "updated" });
}
