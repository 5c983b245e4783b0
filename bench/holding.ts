/** What a bench makes (a cluster, a stack) goes again, however the bench ends: done, failed, or interrupted by Ctrl-C. */
import { constants } from "node:os";

const held = new Set<() => Promise<void>>();
let interrupted = false;

/** Runs `use`, then `release`; on a signal `release` at once. */
export async function holding<T>(release: () => Promise<unknown>, use: () => Promise<T>): Promise<T> {
  let released: Promise<void> | undefined;
  const releaseOnce = () => {
    released ??= release().then(() => undefined);
    return released;
  };
  held.add(releaseOnce);
  try {
    return await use();
  } finally {
    await releaseOnce();
    held.delete(releaseOnce);
    // What failed because it was taken away is no news; the process ends when all is gone.
    if (interrupted) await new Promise(() => undefined);
  }
}

export function releaseOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void releaseAll(signal));
}

async function releaseAll(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): Promise<void> {
  interrupted = true;
  console.error(`\n${signal}: removing what the bench made …`);
  await Promise.allSettled([...held].map(release => release()));
  process.exit(128 + constants.signals[signal]);
}
