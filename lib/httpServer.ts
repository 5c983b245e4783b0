/** What the controller's servers have in common: health and metrics over HTTP, webhooks over HTTPS. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";

type AnyServer = Server | TlsServer;

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** Content type; absent: plain text. */
  readonly type?: string;
}

export interface ListenOptions {
  /** Absent: every interface. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/**
 * @returns the port that was taken
 * @throws the system's own error, such as EADDRINUSE
 */
export function listen(server: AnyServer, { host, port }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}

/** Not to be called in the same turn as the listener: Node does not know yet whether the request has a body. */
export function send(server: AnyServer, request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    // A body that was not read to its end ends the connection; one kept open would hold up a close that is under way.
    ...(server.listening && request.complete ? {} : { connection: "close" }),
    "content-type": reply.type ?? "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(reply.body),
  });
  response.end(request.method === "HEAD" ? undefined : reply.body);
}

/** Waits for running requests, at most `graceMs`; then their connections are cut. */
export function close(server: AnyServer, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
