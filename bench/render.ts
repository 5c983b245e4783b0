/** Renders in the sandbox, fresh state each time, without a cluster. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { flightModuleOf } from "../controller/flight/loader.ts";
import { createSandbox, type FlightModule, type FlightRun } from "../controller/flight/sandbox.ts";
import { buildFlight } from "../flights/build.ts";
import { buildFlights } from "../test/flights/build.ts";
import { describe, milliseconds, type Row, summary } from "./stats.ts";
import { seconds } from "./work.ts";
import { backendEntry } from "./world.ts";

const here = resolve(import.meta.dirname, "flights");

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "nginx", namespace: "default", uid: "u", resourceVersion: "1" },
  data: { hello: "d29ybGQ=" },
};

export function runOf(module: FlightModule, spec: Readonly<Record<string, unknown>>): FlightRun {
  const metadata = { name: "nginx", namespace: "default", uid: "u" };
  return {
    module,
    stdin: JSON.stringify({ apiVersion: "bench.example.com/v1", kind: "Bench", metadata, spec }),
    args: ["bench"],
    env: {},
    timeoutMs: 10_000,
    maxMemoryMib: 0,
    lookup: async () => ({ state: "ok", object: secret }),
  };
}

export async function measureRenders(trials: number): Promise<Row[]> {
  const modules = await buildFlights({ source: here, name: "bench-flights" });
  const wasm = (name: string) => readFile(join(modules, name));
  const typescript = async (entry: string) => Buffer.from((await buildFlight(entry)).code);
  const [demo, many, small, large] = await Promise.all([
    typescript(backendEntry),
    typescript(join(here, "many.ts")),
    wasm("small"),
    wasm("large"),
  ]);
  const image = "nginx:latest";
  const demoSpec = { image, replicas: 2 };
  return [
    ...(await measure("the demo's flight", demo, demoSpec, { trials, bound: "≤ 5 ms" })),
    ...(await measure("a TypeScript flight, 80 objects", many, { objects: 80, image }, { trials, bound: "≤ 5 ms" })),
    ...(await measure("a Go flight, 1 object", small, { objects: 1, image }, { trials })),
    ...(await measure("a Go flight, 80 objects", small, { objects: 80, image }, { trials })),
    ...(await measure("a large Go flight, 1 object", large, { objects: 1, image }, { trials, bound: "≤ 20 ms" })),
  ];
}

async function measure(
  what: string,
  bytes: Buffer,
  spec: Readonly<Record<string, unknown>>,
  { trials, bound }: { trials: number; bound?: string },
): Promise<Row[]> {
  const sandbox = createSandbox({ workers: 1 });
  const run = runOf(flightModuleOf(bytes), spec);
  const prepared = await seconds(() => sandbox.prepare(run.module));
  const samples: number[] = [];
  for (let trial = -20; trial < trials; trial += 1) {
    const start = performance.now();
    await sandbox.run(run);
    if (trial >= 0) samples.push(performance.now() - start);
  }
  await sandbox.close();
  const kibibytes = bytes.byteLength / 1024;
  const size = kibibytes < 1024 ? `${kibibytes.toFixed(0)} KiB` : `${(kibibytes / 1024).toFixed(1)} MiB`;
  const row = { what: `one render of ${what} (${size}), fresh state`, value: describe(summary(samples)) };
  return [
    bound === undefined ? row : { ...row, bound },
    { what: `its preparation, once for each module`, value: milliseconds(prepared * 1000) },
  ];
}
