/**
 * Many instances, each with a Secret that it looks up and a ConfigMap that it renders: the cheapest there is, so that
 * etcd carries ten thousand of them. What they cost at rest, what one event costs among them, and a restart.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { KubeObject } from "../controller/kube/object.ts";
import { type Atc, startAtc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { observe } from "./roll.ts";
import { milliseconds, type Row, summary } from "./stats.ts";
import {
  asBench,
  cpuSeconds,
  describeMemory,
  inParallel,
  memory,
  patience,
  rendered,
  renders,
  seconds,
} from "./work.ts";
import { type World, withWorld } from "./world.ts";

const flight = `
export default ({ stdin, lookup }) => {
  const { metadata: { name, namespace } } = JSON.parse(stdin);
  const secret = lookup({ apiVersion: "v1", kind: "Secret", namespace, name });
  if (secret.state !== "ok" && secret.state !== "not-found") throw new Error(secret.message);
  const data = { seen: secret.object?.data?.hello ?? "" };
  return JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data }]);
};`;
const trials = 200;
const restSeconds = 60;
/** Until a process that has come to rest has given back what its start left (`lib/garbage.ts`). */
const calmSeconds = 20;

export function measureInstances(most: number): Promise<Row[]> {
  return withWorld(async world => {
    let atc = await startAtc(world);
    await world.hands.airway({ kind: "Small", flight });
    const rows: Row[] = [];
    let made = 0;
    for (const count of [Math.ceil(most / 10), most]) {
      rows.push(...(await create(world, atc, made, count)), ...(await events(world, atc, count)));
      made = count;
      await atc.kill("SIGTERM");
      const begin = performance.now();
      atc = await startAtc(world);
      rows.push(...(await restarted(atc, begin, count)), ...(await rest(atc, count)));
    }
    await atc.kill("SIGTERM");
    return rows;
  });
}

async function create({ hands }: World, atc: Atc, from: number, to: number): Promise<Row[]> {
  const names = Array.from({ length: to - from }, (_, index) => `small-${from + index}`);
  await inParallel(names, name => hands.secret(name, "first"));
  const before = await rendered(atc);
  const took = await seconds(async () => {
    await inParallel(names, name => hands.applyInstance("Small", name));
    await renders(atc, names.length, before);
  });
  const each = ((took / names.length) * 1000).toFixed(1);
  const what = `${to} instances: the last ${names.length} created → all rendered, applied and kept`;
  return [
    { what, value: `${took.toFixed(0)} s, ${each} ms each` },
    { what: `${to} instances: memory right after that`, value: describeMemory(await memory(atc)) },
  ];
}

/** One Secret written → the ConfigMap of its instance applied; the same by hand in turn. */
async function events(world: World, atc: Atc, count: number): Promise<Row[]> {
  const { client, hands } = world;
  const { namespace } = hands;
  const [secret, bareMap, map] = await Promise.all([
    observe(client, "v1", "Secret", namespace, "bare"),
    observe(client, "v1", "ConfigMap", namespace, "bare"),
    observe(client, "v1", "ConfigMap", namespace, "small-0"),
  ]);
  const samples = { bare: [] as number[], atc: [] as number[] };
  const cpu = await cpuSeconds(atc);
  for (let trial = 0; trial < trials; trial += 1) {
    const value = `value ${trial} of ${count}`;
    const seen = Buffer.from(value).toString("base64");
    const holds = ({ data }: KubeObject) => Object.values(data ?? {}).includes(seen);
    samples.bare.push(
      1000 *
        (await seconds(async () => {
          const arrived = secret.next(holds);
          const applied = bareMap.next(holds);
          await Promise.all([hands.secret("bare", value), arrived]);
          const metadata = { name: "bare", namespace };
          await client.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { seen } }, asBench);
          await applied;
        })),
    );
    samples.atc.push(
      1000 *
        (await seconds(async () => {
          const applied = map.next(holds);
          await Promise.all([hands.secret("small-0", value), applied]);
        })),
    );
    await atc.idle();
  }
  const cpuEach = ((await cpuSeconds(atc)) - cpu) / trials;
  await Promise.all([secret, bareMap, map].map(({ reflector }) => reflector.stop()));
  const [bare, own] = [summary(samples.bare), summary(samples.atc)];
  return [
    {
      what: `${count} instances: one Secret written → its ConfigMap applied, by hand → by the ATC`,
      value: `p50 ${milliseconds(bare.p50)} → ${milliseconds(own.p50)}, p99 ${milliseconds(bare.p99)} → ${milliseconds(own.p99)}`,
    },
    { what: `${count} instances: ratio p50`, value: `${(own.p50 / bare.p50).toFixed(2)} × bare` },
    { what: `${count} instances: CPU of the ATC for one such event`, value: milliseconds(cpuEach * 1000) },
  ];
}

async function restarted(atc: Atc, begin: number, count: number): Promise<Row[]> {
  await eventually("all instances are known again", () => atc.settled(), patience);
  const took = (performance.now() - begin) / 1000;
  const cpu = await cpuSeconds(atc);
  const value = `${took.toFixed(1)} s (${cpu.toFixed(1)} s of CPU), ${await rendered(atc)} renders`;
  return [
    { what: `${count} instances: restart → steady state`, value, bound: "≤ 15 s, 0 renders" },
    { what: `${count} instances: memory right after a restart`, value: describeMemory(await memory(atc)) },
  ];
}

async function rest(atc: Atc, count: number): Promise<Row[]> {
  await delay(calmSeconds * 1000);
  const before = await cpuSeconds(atc);
  await delay(restSeconds * 1000);
  const share = (((await cpuSeconds(atc)) - before) / restSeconds) * 100;
  return [
    { what: `${count} instances: CPU without changes`, value: `${share.toFixed(2)} % of one`, bound: "< 1 %" },
    { what: `${count} instances: memory at rest`, value: describeMemory(await memory(atc)), bound: "≤ 350 MiB" },
  ];
}
