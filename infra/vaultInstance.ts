/**
 * Prints which Vault answers at VAULT_ADDR: its `cluster_id`, which Vault's dev mode makes anew at each start and so
 * tells that everything written before is gone. Waits for a Vault that is starting, as after a reboot.
 */
import { setTimeout as pause } from "node:timers/promises";

const address = process.env["VAULT_ADDR"];
const deadline = Date.now() + 90_000;

for (;;) {
  try {
    const answer = await fetch(`${address}/v1/sys/health`, { signal: AbortSignal.timeout(5_000) });
    const health: unknown = await answer.json();
    if (health instanceof Object && "cluster_id" in health) {
      process.stdout.write(String(health.cluster_id));
      break;
    }
    throw new Error(`answered ${answer.status} without a cluster_id: sealed, or no Vault`);
  } catch (error) {
    if (Date.now() > deadline) {
      const why = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : error;
      process.stderr.write(`Vault at ${address}: ${why}. Is it running, and does the address reach it?\n`);
      process.exit(1);
    }
    await pause(250);
  }
}
