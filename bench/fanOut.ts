/**
 * One Secret that many instances look up: written → all their Deployments patched. Against the bare cost: as many
 * Deployments applied by hand, at the concurrency that the controller has. The two alternate.
 */
import type { KubeObject } from "../controller/kube/object.ts";
import { createReflector } from "../controller/kube/reflector.ts";
import { type Atc, startAtc } from "../test/e2e/support/atc.ts";
import { backend } from "../test/e2e/support/flights.ts";
import { bareRoll } from "./roll.ts";
import { type Row, summary } from "./stats.ts";
import { asBench, inParallel, rendered, renders, seconds, writes } from "./work.ts";
import { type World, withWorld } from "./world.ts";

const rounds = 3;

export function measureFanOut(most: number): Promise<Row[]> {
  return withWorld(async world => {
    const atc = await startAtc(world);
    await world.hands.airway({ kind: "Fan", flight: backend });
    const rows: Row[] = [];
    for (const count of [Math.min(50, most), most]) rows.push(...(await measure(world, atc, count)));
    await atc.kill("SIGTERM");
    return rows;
  });
}

async function measure(world: World, atc: Atc, count: number): Promise<Row[]> {
  const { hands, client } = world;
  const secret = `shared-by-${count}`;
  const names = Array.from({ length: count }, (_, index) => `of-${count}-${index}`);
  await hands.secret(secret, "first");
  const before = await rendered(atc);
  await inParallel(names, name => hands.applyInstance("Fan", name, { secret, replicas: 0 }));
  await renders(atc, count, before);
  const watch = await watchDeployments(world);
  const model = await hands.get(hands.deployment(names[0] ?? ""));
  const bare = (value: string) =>
    inParallel(names, name => client.apply(bareRoll(model, `bare-${name}`, value), asBench));
  await bare("first");
  const samples = { bare: [] as number[], atc: [] as number[] };
  const requests = await writes(atc);
  for (let round = 0; round < rounds; round += 1) {
    samples.bare.push(
      await seconds(async () => {
        const all = watch.changed(names.map(name => `bare-${name}`));
        await hands.secret(`${secret}-bare`, `round ${round}`);
        await bare(`round ${round}`);
        await all;
      }),
    );
    samples.atc.push(
      await seconds(async () => {
        const all = watch.changed(names);
        await hands.secret(secret, `round ${round}`);
        await all;
      }),
    );
    await renders(atc, 0, 0);
  }
  const perRoll = ((await writes(atc)) - requests) / rounds / count;
  await watch.stop();
  const [bareTook, atcTook] = [summary(samples.bare).p50, summary(samples.atc).p50];
  return [
    {
      what: `one Secret that ${count} instances look up: all Deployments applied by hand → patched by the ATC`,
      value: `${bareTook.toFixed(2)} s → ${atcTook.toFixed(2)} s (median of ${rounds})`,
    },
    { what: "ratio", value: `${(atcTook / bareTook).toFixed(2)} × by hand`, bound: "≤ 1.5" },
    { what: "API writes of the ATC for each of these rolls, history included", value: perRoll.toFixed(1) },
  ];
}

/** Tells when the pod templates of all these Deployments have changed. */
async function watchDeployments({ client, hands: { namespace } }: World) {
  const type = await client.discovery.resolve("apps/v1", "Deployment");
  if (type === undefined) throw new Error("the API server does not serve Deployments");
  const templates = new Map<string, string>();
  let waiting: { left: Set<string>; resolve: () => void } | undefined;
  const upsert = (object: KubeObject) => {
    const { name } = object.metadata;
    const template = JSON.stringify((object["spec"] as { template: unknown }).template);
    if (templates.get(name) === template) return;
    templates.set(name, template);
    if (waiting?.left.delete(name) && waiting.left.size === 0) waiting.resolve();
  };
  const handler = { upsert, listed: () => undefined, delete: () => undefined };
  const reflector = createReflector({ client, type, namespace, handler });
  reflector.start();
  await reflector.synced;
  return {
    changed(names: readonly string[]): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = { left: new Set(names), resolve };
      return promise;
    },
    stop: () => reflector.stop(),
  };
}
