/** Finds HTTP/2 connections that are dead: undici pings them, and one that sends nothing for two and a half pings is cut. */
import { subscribe } from "node:diagnostics_channel";
import type { ClientHttp2Stream, Http2Session } from "node:http2";

interface Socket {
  readonly bytesRead: number;
  destroy(error: Error): unknown;
  once(event: "close", listener: () => void): unknown;
  /** Who has a session may read the properties of its socket: the way from the one to the other. */
  [carries]?: (session: Http2Session) => void;
}

const carries = Symbol("carries");

subscribe("http2.client.stream.created", message => {
  const { session } = (message as { stream: ClientHttp2Stream }).stream;
  if (session?.destroyed === false) (session.socket as Socket)[carries]?.(session);
});

/**
 * Counts looks at the socket instead of time: after this process itself was stopped for a while, all overdue looks
 * count as one, and a healthy connection survives.
 *
 * Where nothing is pinged silence means nothing: with HTTP/1.1, and after the server said that it wants no new requests
 * on this connection (GOAWAY, as gateways do after some time or number of requests). What runs there, a watch for up to
 * an hour, has its own time-outs.
 */
export function cutWhenSilent(socket: Socket, pingIntervalMs: number): void {
  let session: Http2Session | undefined;
  socket[carries] = carried => {
    session = carried;
  };
  let lastBytes = socket.bytesRead;
  let silentLooks = 0;
  const timer = setInterval(() => {
    const isPinged = session?.closed === false;
    silentLooks = isPinged && socket.bytesRead === lastBytes ? silentLooks + 1 : 0;
    lastBytes = socket.bytesRead;
    if (silentLooks >= 5) socket.destroy(new Error("the API server does not answer pings"));
  }, pingIntervalMs / 2).unref();
  socket.once("close", () => clearInterval(timer));
}
