/** A namespace full of Secrets that concern nobody, beside one instance: what they cost the controller. */
import { type Atc, startAtc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { backend } from "../test/e2e/support/flights.ts";
import type { Row } from "./stats.ts";
import { cpuSeconds, describeMemory, inParallel, memory, patience, seconds } from "./work.ts";
import { withWorld } from "./world.ts";

export function measureForeignSecrets(count: number): Promise<Row[]> {
  return withWorld(async world => {
    let atc = await startAtc(world);
    await world.hands.airway({ kind: "Alone", flight: backend });
    await world.hands.secret("alone", "first");
    await world.hands.instance("Alone", "alone", { replicas: 0 });
    await atc.kept();
    const before = await look(atc);
    const names = Array.from({ length: count }, (_, index) => `foreign-${index}`);
    const took = await seconds(() => inParallel(names, name => world.hands.secret(name, "x".repeat(500))));
    const after = await look(atc);
    await atc.kill("SIGTERM");
    atc = await startAtc(world);
    await eventually("its instance is known again", () => atc.settled(), patience);
    const restarted = await look(atc);
    await atc.kill("SIGTERM");
    const share = ((after.cpu - before.cpu) / took) * 100;
    const difference = (of: keyof Counts) => String(after[of] - before[of]);
    return [
      { what: `${count} foreign Secrets written: requests of the ATC`, value: difference("requests"), bound: "0" },
      {
        what: "more watches, watched objects",
        value: `${difference("watches")}, ${difference("objects")}`,
        bound: "0, 0",
      },
      { what: "renders and looks", value: difference("looks"), bound: "0" },
      { what: `CPU of the ATC while they were written, ${took.toFixed(0)} s`, value: `${share.toFixed(2)} % of one` },
      { what: "memory before", value: describeMemory(before.memory) },
      { what: "memory with them", value: describeMemory(after.memory) },
      { what: "memory after a restart among them", value: describeMemory(restarted.memory) },
    ];
  });
}

interface Counts {
  readonly requests: number;
  readonly watches: number;
  readonly objects: number;
  readonly looks: number;
}

async function look(atc: Atc) {
  const counts: Counts = {
    requests: await atc.metric("atc_api_requests_total"),
    watches: await atc.metric("atc_watches"),
    objects: await atc.metric("atc_watched_objects"),
    looks: await atc.metric("atc_renders_total"),
  };
  return { ...counts, cpu: await cpuSeconds(atc), memory: await memory(atc) };
}
