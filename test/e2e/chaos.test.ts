/** Two rounds of chaos (test/chaos/) on the cluster of the end-to-end tests; `npm run chaos` runs as many as you like. */
import { expect, inject, it } from "vitest";
import { report } from "../chaos/main.ts";
import { runChaos } from "../chaos/run.ts";

const seed = Number(process.env["E2E_SEED"] || Date.now() % 2 ** 32);

it(`no update is lost in chaos (E2E_SEED=${seed})`, async () => {
  const begin = Date.now();
  const sizes = { rounds: 2, trials: 5, writes: 15, faults: 6, replicas: 1 };
  const totals = await runChaos({ kubeconfig: inject("kubeconfig"), seed, ...sizes });
  console.log(report(totals, Date.now() - begin));
  expect(totals.trials).toBe(10);
}, 900_000);
