/**
 * V8 collects garbage when it needs room. A process that has come to rest needs none, so what a start or a burst left
 * behind would stay resident for hours.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const everyMs = 5_000;
/** Less is not worth the pause. */
const growthBytes = 24 * 2 ** 20;

let collect: (() => void) | undefined;

/** Blocks the event loop: some 50 ms for each 100 MiB that live. */
export function collectGarbage(): void {
  collect ??= exposed();
  collect();
}

/** Node.js offers it by a flag of the command line only; a context that is made while the flag is set has it. */
function exposed(): () => void {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}

/**
 * Collects when the heap has grown since the last time and there was nothing to do for a while. Returns how to end that.
 *
 * @param atRest whether there is nothing to do just now
 */
export function collectAtRest(atRest: () => boolean, collectNow = collectGarbage, heapUsed = usedBytes): () => void {
  let floor = 0;
  let rested = false;
  const timer = setInterval(() => {
    const resting = atRest();
    if (resting && rested && heapUsed() - floor > growthBytes) {
      collectNow();
      floor = heapUsed();
    }
    rested = resting;
  }, everyMs).unref();
  return () => clearInterval(timer);
}

function usedBytes(): number {
  return process.memoryUsage().heapUsed;
}
