/**
 * Health and metrics over plain HTTP.
 *
 * - `/healthz`, `/live`: 200 while the process turns its event loop.
 * - `/readyz`, `/ready`: 200 when every check passes, else 503. The long names list the checks, the short ones are empty.
 * - `/metrics`: Prometheus.
 */
import { createServer, type IncomingMessage } from "node:http";
import { close, listen, type Reply, send } from "../../lib/httpServer.ts";
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
  const { host } = options;
  const port = await listen(server, options).catch(cause => {
    throw refused(cause, hostPort(host, options.port));
  });
  return {
    address: hostPort(host, port),
    close: (graceMs = 2000) => close(server, graceMs),
  };
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

function refused(cause: NodeJS.ErrnoException, address: string): Error {
  return cause.code === "EADDRINUSE"
    ? errors.OBSERVE_ADDRESS_IN_USE({ address }, cause)
    : errors.OBSERVE_LISTEN_FAILED({ address, why: cause.code ?? cause.message }, cause);
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
