/** Bytes from one port to another, until something happens to them on the way. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";

export interface Network {
  readonly port: number;
  /** Breaks all connections and refuses new ones, until `heal`. */
  cut(): void;
  /** Breaks all connections; new ones are taken. */
  reset(): void;
  /** The connections that exist stay open and carry nothing any more, as behind a router that was replaced. */
  freeze(): void;
  /** Everything takes longer by this, in both directions, until `heal`. */
  slow(delayMs: number): void;
  heal(): void;
  close(): void;
}

export async function openNetwork(target: { port: number; host: string }): Promise<Network> {
  const sockets = new Set<Socket>();
  let refusing = false;
  let delayMs = 0;
  const drop = (pair: readonly Socket[]) => {
    for (const socket of pair) {
      socket.destroy();
      sockets.delete(socket);
    }
  };
  const late = () =>
    new Transform({
      transform: (chunk, _, done) => {
        if (delayMs === 0) done(null, chunk);
        else setTimeout(() => done(null, chunk), delayMs);
      },
    });
  const server = createServer(near => {
    if (refusing) {
      near.destroy();
      return;
    }
    const far = connect(target.port, target.host);
    const pair = [near, far];
    for (const socket of pair) {
      sockets.add(socket);
      socket.on("error", () => drop(pair));
      socket.on("close", () => drop(pair));
    }
    near.pipe(late()).pipe(far);
    far.pipe(late()).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      refusing = true;
      drop([...sockets]);
    },
    reset: () => drop([...sockets]),
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    slow: ms => {
      delayMs = ms;
    },
    heal: () => {
      refusing = false;
      delayMs = 0;
    },
    close: () => {
      drop([...sockets]);
      server.close();
    },
  };
}
