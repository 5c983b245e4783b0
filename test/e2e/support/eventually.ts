/** Waiting for a state of the world, and saying clearly what was there instead when it does not come. */

export interface Patience {
  /** Milliseconds until the wait fails. Default 30,000: far more than anything here takes, so that only faults fail. */
  readonly timeoutMs?: number;
  /** Between two looks. Default 30. */
  readonly everyMs?: number;
}

/** Repeats `check` until it returns without throwing; then its value. The last failure is what the test reports. */
export async function eventually<T>(what: string, check: () => Promise<T> | T, patience: Patience = {}): Promise<T> {
  const { timeoutMs = 30_000, everyMs = 30 } = patience;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline) {
        const last = error instanceof Error ? error.message : String(error);
        throw new Error(`did not come true in ${timeoutMs / 1000} s: ${what}\n${last}`, { cause: error });
      }
      await pause(everyMs);
    }
  }
}

/** Between two looks at the cluster; never instead of one. */
function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}
