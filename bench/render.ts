/** One render of the demo's flight in the sandbox, fresh state each time, without a cluster. */

import { flightModuleOf } from "../controller/flight/loader.ts";
import { createSandbox } from "../controller/flight/sandbox.ts";
import { buildFlight } from "../flights/build.ts";
import { describe, type Row, summary } from "./stats.ts";
import { backendEntry } from "./world.ts";

export async function measureRender(trials: number): Promise<Row[]> {
  const { code } = await buildFlight(backendEntry);
  const sandbox = createSandbox({ workers: 1 });
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "nginx", namespace: "default", uid: "u", resourceVersion: "1" },
    data: { hello: "d29ybGQ=" },
  };
  const instance = {
    apiVersion: "examples.com/v1",
    kind: "Backend",
    metadata: { name: "nginx", namespace: "default", uid: "u" },
    spec: { image: "nginx:latest", replicas: 2 },
  };
  const run = {
    module: flightModuleOf(Buffer.from(code)),
    stdin: JSON.stringify(instance),
    args: ["bench"],
    env: {},
    timeoutMs: 10_000,
    maxMemoryMib: 0,
    lookup: async () => ({ state: "ok" as const, object: secret }),
  };
  const samples: number[] = [];
  for (let trial = -20; trial < trials; trial += 1) {
    const start = performance.now();
    await sandbox.run(run);
    if (trial >= 0) samples.push(performance.now() - start);
  }
  await sandbox.close();
  const size = `${(Buffer.byteLength(code) / 1024).toFixed(0)} KiB`;
  return [
    {
      what: `one render of the demo's flight (${size}), fresh state`,
      value: describe(summary(samples)),
      bound: "≤ 5 ms",
    },
  ];
}
