/** What a user waits for: `npm start`, `pulumi up` without changes, a changed secret on its way from Vault to the pods. */

import { TemporaryStack } from "../test/e2e/support/stack.ts";
import { milliseconds, type Row, summary } from "./stats.ts";

const secrets = 7;

export async function measureStack(): Promise<Row[]> {
  const stack = new TemporaryStack("bench-stack");
  await stack.begin();
  try {
    const start = await seconds(() => stack.succeed("start"));
    const again = await seconds(() => stack.succeed("start"));
    const up = await seconds(() => stack.succeed("pulumi", "up", "--yes", "--skip-preview", "--non-interactive"));
    const chains: Map<string, number>[] = [];
    for (let secret = 0; secret < secrets; secret += 1) {
      chains.push(parseChain(await stack.succeed("secret", `bench value ${secret} ${Date.now()}`)));
    }
    const median = (link: string) => milliseconds(summary(chains.map(chain => chain.get(link) ?? Number.NaN)).p50);
    return [
      { what: "`npm start` with built tools, from nothing to a Ready Backend", value: `${start.toFixed(1)} s` },
      { what: "`npm start` again, nothing changed", value: `${again.toFixed(1)} s` },
      { what: "`pulumi up` without changes", value: `${up.toFixed(1)} s` },
      { what: `Vault written → Secret changed (median of ${secrets})`, value: median("Secret changed") },
      { what: "Vault written → Deployment patched", value: median("Deployment patched") },
      { what: "Vault written → rollout complete", value: median("rollout complete") },
    ];
  } finally {
    await stack.end();
  }
}

/** Milliseconds since the write to Vault by link, from lines such as `03:02:21.755  143 ms  +60 ms  Deployment patched …`. */
function parseChain(output: string): Map<string, number> {
  const line = /^\s*[\d:.]+ +(\d+) ms +\+\d+ ms +(.+?)(?: {2}|$)/gm;
  return new Map([...output.matchAll(line)].map(([, elapsed, link]) => [link ?? "", Number(elapsed)]));
}

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return (performance.now() - begin) / 1000;
}
