/** A web server on this machine whose answers a test decides, and what it was asked. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface WebServer {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly asked: Asked[];
}

export type Respond = (asked: Asked, response: ServerResponse) => void;

/** Ends with the test. */
export async function webServer(respond: Respond, tls?: { key: string; cert: string }): Promise<WebServer> {
  const asked: Asked[] = [];
  const listener: RequestListener = (request, response) => {
    const { method = "", url: path = "", headers } = request;
    asked.push({ method, path, headers });
    respond({ method, path, headers }, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
