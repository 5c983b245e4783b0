/** How long rolls wait when the leader goes: killed, or stopped in order; with the Lease's default duration. */
import { type Atc, startAtc } from "../test/e2e/support/atc.ts";
import { eventually } from "../test/e2e/support/eventually.ts";
import { backend } from "../test/e2e/support/flights.ts";
import { observe } from "./roll.ts";
import { type Row, summary } from "./stats.ts";
import { inParallel, patience, rendered, renders, seconds } from "./work.ts";
import { type World, withWorld } from "./world.ts";

const rounds = 3;

export function measureTakeOver(instances: number): Promise<Row[]> {
  return withWorld(async world => {
    const { hands } = world;
    const names = Array.from({ length: instances }, (_, index) => `held-${index}`);
    let leader = await replica(world);
    await hands.airway({ kind: "Held", flight: backend });
    await hands.secret("held-0", "first");
    await inParallel(names, name => hands.applyInstance("Held", name, { replicas: 0 }));
    await renders(leader, instances, 0);
    const rows: Row[] = [];
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const samples: number[] = [];
      let made = 0;
      for (let round = 0; round < rounds; round += 1) {
        const standby = await replica(world);
        await eventually("the standby knows all instances", () => knows(standby, instances), patience);
        samples.push(await takeOver(world, leader, signal, `${signal} ${round}`));
        await eventually("it has looked at all", () => standby.settled(), patience);
        made += await rendered(standby);
        leader = standby;
      }
      const value = `${samples.map(sample => sample.toFixed(1)).join(", ")} s: median ${summary(samples).p50.toFixed(1)} s`;
      const what = `leader of ${instances} instances ends by ${signal}, a Secret is written → rolled by the standby`;
      rows.push(
        { what, value },
        { what: `renders of the ${rounds} standbys`, value: String(made), bound: String(rounds) },
      );
    }
    await leader.kill("SIGTERM");
    return rows;
  });
}

function replica({ kubeconfig, env, hands: { namespace } }: World): Promise<Atc> {
  const election = { LEADER_ELECT: "true", LEASE_NAME: "bench", LEASE_NAMESPACE: namespace };
  return startAtc({ kubeconfig, env: { ...env, ...election } });
}

async function knows(standby: Atc, instances: number): Promise<void> {
  const known = await standby.metric("atc_instances");
  if (known < instances) throw new Error(`${known} of ${instances}`);
}

/** Seconds from the signal to the roll of a Secret that is written in the same moment. */
async function takeOver({ client, hands }: World, leader: Atc, signal: "SIGKILL" | "SIGTERM", value: string) {
  const deployment = await observe(client, "apps/v1", "Deployment", hands.namespace, "held-0");
  const { generation = 0 } = (await hands.get(hands.deployment("held-0"))).metadata;
  const took = await seconds(async () => {
    const rolled = deployment.next(({ metadata }) => (metadata.generation ?? 0) > generation);
    await leader.kill(signal);
    await hands.secret("held-0", value);
    await rolled;
  });
  await deployment.reflector.stop();
  return took;
}
