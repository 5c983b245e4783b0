/** Ports on 127.0.0.1: finding a free one, and saying who holds one that is not. */
import { createServer } from "node:net";
import { localErrors } from "./errors.ts";
import { portOwner } from "./processes.ts";

/**
 * Below the range that systems hand out for outgoing connections (32768 and up on Linux, 49152 on macOS), so a port
 * that we remember while its service is down is still free when the service comes back.
 */
const range = { first: 20_000, size: 10_000 };

/** Tries to listen for a moment; undefined when it worked, else the error's code. */
export function listenError(port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/**
 * A free port that is none of `taken`.
 * @param random in [0, 1), a parameter for tests
 */
export async function freePort(taken: ReadonlySet<number>, random: () => number = Math.random): Promise<number> {
  const start = Math.floor(random() * range.size);
  for (let i = 0; i < range.size; i++) {
    const port = range.first + ((start + i) % range.size);
    if (!taken.has(port) && (await listenError(port)) === undefined) return port;
  }
  throw localErrors.LOCAL_PORT_REFUSED({
    what: "the local substrate",
    port: range.first,
    reason: "no free port is left",
  });
}

/** @throws LOCAL_PORT_TAKEN, LOCAL_PORT_REFUSED */
export async function requireFreePort(what: string, port: number): Promise<void> {
  const code = await listenError(port);
  if (code === undefined) return;
  if (code === "EADDRINUSE") throw localErrors.LOCAL_PORT_TAKEN({ what, port, owner: portOwner(port) });
  throw localErrors.LOCAL_PORT_REFUSED({ what, port, reason: code });
}
