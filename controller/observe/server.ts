/**
 * Health and metrics over plain HTTP.
 *
 * - `/healthz`, `/live`: 200 while the process turns its event loop.
 * - `/readyz`, `/ready`: 200 when every check passes, else 503. The long names list the checks, the short ones are empty.
 * - `/metrics`: Prometheus.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errors } from "./errors.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Shown beside a check that fails, for example the age of the oldest watch. */
  readonly detail?: string;
  /** Shown beside a check that passes. */
  readonly note?: string;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly ready: () => readonly Check[];
  readonly metrics: { page(): Promise<string>; readonly contentType: string };
}

export interface ObserveServer {
  /** `host:port`, with the port that was taken. */
  readonly address: string;
  /** Waits for running requests, at most `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

/** @throws OBSERVE_ADDRESS_IN_USE, OBSERVE_LISTEN_FAILED */
export async function startServer(options: ServerOptions): Promise<ObserveServer> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      reply => send(server, request, response, reply),
      () => send(server, request, response, { status: 500, body: "the page could not be made\n" }),
    );
  });
  await listen(server, options);
  return {
    address: hostPort(options.host, (server.address() as AddressInfo).port),
    close: (graceMs = 2000) => close(server, graceMs),
  };
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

async function answer(request: IncomingMessage, { ready, metrics }: ServerOptions): Promise<Reply> {
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: "only GET and HEAD\n" };
  switch (request.url?.split("?")[0]) {
    case "/healthz":
      return { status: 200, body: "ok\n" };
    case "/live":
      return { status: 200, body: "" };
    case "/readyz":
      return { status: statusOf(ready()), body: report(ready()) };
    case "/ready":
      return { status: statusOf(ready()), body: "" };
    case "/metrics":
      return { status: 200, body: await metrics.page(), type: metrics.contentType };
    default:
      return { status: 404, body: "there are /healthz, /readyz and /metrics\n" };
  }
}

function statusOf(checks: readonly Check[]): number {
  return checks.every(check => check.ok) ? 200 : 503;
}

/** In the API server's own form, `[+]watches ok`. */
function report(checks: readonly Check[]): string {
  const lines = checks.map(({ name, ok, detail, note }) => {
    const more = ok ? note : detail;
    return `${ok ? `[+]${name} ok` : `[-]${name} failed`}${more ? `: ${more}` : ""}`;
  });
  return `${[...lines, statusOf(checks) === 200 ? "ready" : "not ready"].join("\n")}\n`;
}

function send(server: Server, request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    // A connection kept open would hold up the close that is under way.
    ...(server.listening ? {} : { connection: "close" }),
    "content-type": reply.type ?? "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(reply.body),
  });
  response.end(request.method === "HEAD" ? undefined : reply.body);
}

function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const address = hostPort(host, port);
      reject(
        cause.code === "EADDRINUSE"
          ? errors.OBSERVE_ADDRESS_IN_USE({ address }, cause)
          : errors.OBSERVE_LISTEN_FAILED({ address, why: cause.code ?? cause.message }, cause),
      );
    });
    server.listen(port, host, resolve);
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
