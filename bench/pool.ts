/** The sandbox with a hundred renders at a time: how many a second, and what slow flights do to the others. */
import { availableParallelism } from "node:os";
import { flightModuleOf } from "../controller/flight/loader.ts";
import { createSandbox, type FlightModule, type Sandbox } from "../controller/flight/sandbox.ts";
import { buildFlight } from "../flights/build.ts";
import { runOf } from "./render.ts";
import { describe, milliseconds, type Row, type Summary, summary } from "./stats.ts";
import { seconds } from "./work.ts";
import { backendEntry } from "./world.ts";

const atATime = 100;
/** Some 100 ms on a quiet machine; flights have no clock. */
const slowFlight = "export default () => { for (let left = 3_000_000; left > 0; left--); return '[]'; };";

export async function measurePool(): Promise<Row[]> {
  const { code } = await buildFlight(backendEntry);
  const fast = flightModuleOf(Buffer.from(code));
  const sandbox = createSandbox();
  await many(sandbox, fast, "fast");
  const rounds = 10;
  const took = await seconds(async () => {
    for (let round = 0; round < rounds; round += 1) await many(sandbox, fast, "fast");
  });
  const alone = await many(sandbox, fast, "fast");
  const slow = flightModuleOf(Buffer.from(slowFlight));
  const slowTook = (await sandbox.run(runOf(slow, {}))).milliseconds;
  // They are asked for first.
  const slowOnes = many(sandbox, slow, "slow");
  const beside = await many(sandbox, fast, "fast");
  await slowOnes;
  await sandbox.close();
  const cpus = availableParallelism();
  return [
    {
      what: `renders of the demo's flight, ${atATime} at a time, on ${cpus} CPUs`,
      value: `${((rounds * atATime) / took).toFixed(0)} a second`,
    },
    { what: `from request to answer, ${atATime} of one Airway at once`, value: describe(alone) },
    {
      what: `the same behind ${atATime} renders of ${milliseconds(slowTook)} of another Airway`,
      value: describe(beside),
    },
    {
      what: "what the last of them would wait, were it first come, first served",
      value: milliseconds((atATime * slowTook) / cpus),
    },
  ];
}

/** From the request to the answer, the wait for a worker included. */
async function many(sandbox: Sandbox, module: FlightModule, group: string): Promise<Summary> {
  const samples = await Promise.all(
    Array.from({ length: atATime }, async () => {
      const took = await seconds(() =>
        sandbox.run({ ...runOf(module, { image: "nginx:latest", replicas: 2 }), group }),
      );
      return took * 1000;
    }),
  );
  return summary(samples);
}
