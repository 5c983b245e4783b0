/** Requests to the API server for one roll, and for renders that change nothing, as the controller counts them. */

import type { Atc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { writeSecret } from "./roll.ts";
import type { Row } from "./stats.ts";
import { asBench, writes } from "./work.ts";
import { backendRef, type World } from "./world.ts";

export async function measureRequests(world: World, atc: Atc, name: string): Promise<Row[]> {
  const rolls = 20;
  await atc.kept();
  const before = await writes(atc);
  for (let roll = 0; roll < rolls; roll += 1) {
    const done = await atc.metric("atc_applies_total", { result: "updated" });
    await writeSecret(world.client, world.hands.namespace, name, `roll-${roll}-${Date.now()}`);
    await eventually("the Deployment is patched", async () => {
      if ((await atc.metric("atc_applies_total", { result: "updated" })) === done) throw new Error("not yet");
    });
    await rolledOut(world, atc, name);
  }
  const perRoll = ((await writes(atc)) - before) / rolls;
  await atc.kept();
  const withHistory = ((await writes(atc)) - before) / rolls;
  return [
    {
      what: "API writes per roll: apply, status, Event, and one more status when the rollout is complete",
      value: perRoll.toFixed(1),
      bound: "≤ 3, and the later status",
    },
    {
      what: "API writes per roll with its revision: written behind it, the oldest deleted",
      value: withHistory.toFixed(1),
      bound: "≤ 6",
    },
    await measureNoOp(world, atc, name),
  ];
}

/** A label on the instance makes the flight run again and changes nothing that it renders. */
async function measureNoOp(world: World, atc: Atc, name: string): Promise<Row> {
  const renders = 20;
  const before = await writes(atc);
  for (let render = 0; render < renders; render += 1) {
    const done = await atc.metric("atc_renders_total", { result: "rendered" });
    const patch = { metadata: { labels: { bench: String(render) } } };
    await world.client.patch(backendRef(world, name), patch, { type: "merge", fieldManager: asBench.fieldManager });
    await eventually("the flight has run again", async () => {
      if ((await atc.metric("atc_renders_total", { result: "rendered" })) === done) throw new Error("not yet");
    });
  }
  await atc.idle();
  return {
    what: `API writes of ${renders} renders that change nothing`,
    value: String((await writes(atc)) - before),
    bound: "0",
  };
}

async function rolledOut(world: World, atc: Atc, name: string): Promise<void> {
  await eventually("the rollout is complete", async () => {
    const object = await world.client.get(world.hands.deployment(name));
    const { observedGeneration, replicas, updatedReplicas, availableReplicas } = (object?.["status"] ?? {}) as Record<
      string,
      number
    >;
    if (observedGeneration !== object?.metadata.generation) throw new Error("not observed");
    if (replicas !== updatedReplicas || replicas !== availableReplicas) throw new Error("not rolled out");
  });
  await atc.idle();
}
