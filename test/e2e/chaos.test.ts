/** Some rounds of chaos (test/chaos/) on the cluster of the end-to-end tests; `npm run chaos` runs as many as you like. */
import { expect, inject, it } from "vitest";
import { report } from "../chaos/main.ts";
import { runChaos } from "../chaos/run.ts";

const seed = Number(process.env["E2E_SEED"] || Date.now() % 2 ** 32);

it.each([
  { replicas: 1, rounds: 2 },
  { replicas: 2, rounds: 1 },
])(
  `no update is lost in chaos (E2E_SEED=${seed}), replicas: $replicas`,
  async ({ replicas, rounds }) => {
    const begin = Date.now();
    const sizes = { trials: 5, writes: 15, faults: 6 };
    const totals = await runChaos({ kubeconfig: inject("kubeconfig"), seed, ...sizes, replicas, rounds });
    console.log(report(totals, Date.now() - begin));
    expect(totals.trials).toBe(5 * rounds);
  },
  900_000,
);
