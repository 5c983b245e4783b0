/** Signals to this process that mean its child. */

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * Hands signals on instead of ending by them. A terminal sends Ctrl-C to both processes itself, and twice would mean
 * "at once" to many programs.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {() => void} [onSignal]
 * @returns {() => void} ends it
 */
export function forwardSignals(child, onSignal) {
  /** @param {NodeJS.Signals} signal */
  const forward = signal => {
    onSignal?.();
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  return () => {
    for (const signal of SIGNALS) process.off(signal, forward);
  };
}
