/**
 * The HTTPS server behind the webhooks.
 *
 * - `POST` on the paths of `routes`, behind the segment that only the API server knows (callerPath.ts): each gets the
 *   body and the rest of the path, and has less time than the API server gives us (it says how much in the query), so
 *   that it hears an answer rather than a time-out.
 * - `/live`, `/ready` (empty), `GET /memstats[?runGC=1]`; 404 for all else (contract §9).
 *
 * Answers quote no object. New certificates are taken for new connections, while old ones go on.
 */
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { CodedError } from "../../lib/errors.ts";
import { collectGarbage } from "../../lib/garbage.ts";
import { close, type ListenOptions, listen, type Reply, send } from "../../lib/httpServer.ts";
import { timeoutError } from "../kube/dispatch.ts";
import { openPath } from "./callerPath.ts";
import { admissionErrors } from "./errors.ts";

export interface Served {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Which the paths of calls are made with. */
  readonly token: string;
}

export interface Call {
  readonly body: string;
  /** What follows the route's path; empty for routes that end without a slash. */
  readonly rest: string;
  /** Aborts with ADMISSION_TIME_LIMIT shortly before there is no time left. */
  readonly signal: AbortSignal;
}

/** What became of a call, for those who count. */
export type Decision = "allowed" | "warned" | "denied" | "converted" | "failed";

export interface Answer {
  /** JSON. */
  readonly body: string;
  readonly decision: Decision;
}

export interface Route {
  /** For those who count. */
  readonly name: string;
  /** Exact, or with a final slash the beginning. */
  readonly path: string;
  readonly maxBodyMib: number;
  /** Errors become 400 (ADMISSION_REVIEW_INVALID), 413 or 500. */
  handle(call: Call): Promise<Answer>;
}

export interface AdmissionServerOptions extends ListenOptions {
  readonly served: Served;
  readonly routes: readonly Route[];
  readonly ready: () => boolean;
  /** Each call of a route, once it is answered or has failed. */
  readonly onCall?: (call: { webhook: string; decision: Decision; milliseconds: number }) => void;
  /** A call that could not be answered; `path` is the route's, `status` what the API server got. */
  readonly onFailure?: (failure: { path: string; status: number; error: unknown }) => void;
}

export interface AdmissionServer {
  readonly port: number;
  /** From the next connection on. */
  serve(served: Served): void;
  /** Waits for running calls, at most `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

/** Where the API server does not say how long it waits. */
const defaultLimitMs = 9_000;
/** The API server waits no longer, whoever else may ask for more. */
const longestSeconds = 30;
/** For the way back, and for an event loop that is busy. */
const reserveMs = 500;

/** @throws ADMISSION_ADDRESS_IN_USE, ADMISSION_LISTEN_FAILED */
export async function startAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const secure = ({ certificate, key }: Served) => ({
    cert: certificate,
    key,
    minVersion: "TLSv1.2" as const,
  });
  let { served } = options;
  const server = createServer(secure(served), (request, response) => {
    const path = openPath(pathOf(request), served.token);
    answer(request, path, options).then(
      reply => send(server, request, response, reply),
      error => {
        const status = statusOf(error);
        options.onFailure?.({ path: path ?? "", status, error });
        send(server, request, response, { status, body: `${textOf(error)}\n` });
      },
    );
  });
  const port = await listen(server, options).catch(cause => {
    throw refused(cause, options.port);
  });
  return {
    port,
    serve: next => {
      served = next;
      server.setSecureContext(secure(next));
    },
    close: (graceMs = 10_000) => close(server, graceMs),
  };
}

const json = "application/json";

/** @param path undefined: the caller is not the API server */
async function answer(
  request: IncomingMessage,
  path: string | undefined,
  options: AdmissionServerOptions,
): Promise<Reply> {
  const route = path === undefined ? undefined : options.routes.find(candidate => matches(candidate.path, path));
  if (path === undefined || route === undefined) return answerAnybody(request, options.ready);
  if (request.method !== "POST") return { status: 405, body: "only POST\n" };
  return call(request, path, route, options);
}

function answerAnybody(request: IncomingMessage, ready: () => boolean): Reply {
  const path = pathOf(request);
  if (path === "/live") return { status: 200, body: "" };
  if (path === "/ready") return { status: ready() ? 200 : 503, body: "" };
  if (path === "/memstats" && request.method === "GET") return { status: 200, body: memory(request), type: json };
  return { status: 404, body: "not found\n" };
}

async function call(
  request: IncomingMessage,
  path: string,
  route: Route,
  { onCall }: AdmissionServerOptions,
): Promise<Reply> {
  const since = performance.now();
  let decision: Decision = "failed";
  try {
    const rest = decodeRest(path.slice(route.path.length));
    const answer = await within(limitOf(request), async signal =>
      route.handle({ body: await readBody(request, route.maxBodyMib), rest, signal }),
    );
    decision = answer.decision;
    return { status: 200, body: answer.body, type: json };
  } finally {
    onCall?.({ webhook: route.name, decision, milliseconds: performance.now() - since });
  }
}

function matches(route: string, path: string): boolean {
  return route.endsWith("/") ? path.startsWith(route) && path.length > route.length : path === route;
}

function decodeRest(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split("?")[0] ?? "/";
}

/** The API server calls with `?timeout=10s`. */
function limitOf(request: IncomingMessage): number {
  const seconds = /[?&]timeout=(\d{1,3})s(?:&|$)/.exec(request.url ?? "")?.[1];
  if (seconds === undefined) return defaultLimitMs;
  return Math.max(Math.min(Number(seconds), longestSeconds) * 1000 - reserveMs, reserveMs);
}

/** The signal comes a little before the end, for work that would rather give an answer of its own. */
async function within<Result>(limitMs: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const seconds = limitMs / 1000;
  const over = admissionErrors.ADMISSION_TIME_LIMIT({ seconds }, timeoutError(`${seconds} s`));
  const soon = new AbortController();
  const end = Promise.withResolvers<never>();
  const timers = [setTimeout(() => soon.abort(over), limitMs * 0.9), setTimeout(() => end.reject(over), limitMs)];
  try {
    return await Promise.race([work(soon.signal), end.promise]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

async function readBody(request: IncomingMessage, maxMib: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > maxMib * 2 ** 20) throw admissionErrors.ADMISSION_BODY_TOO_LARGE({ limitMib: maxMib });
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function memory(request: IncomingMessage): string {
  if (/[?&]runGC=1(?:&|$)/.test(request.url ?? "")) collectGarbage();
  return JSON.stringify(process.memoryUsage());
}

function statusOf(error: unknown): number {
  if (!(error instanceof CodedError)) return 500;
  if (error.code === "ADMISSION_REVIEW_INVALID") return 400;
  return error.code === "ADMISSION_BODY_TOO_LARGE" ? 413 : 500;
}

/** Only errors that are made for reading are told. */
function textOf(error: unknown): string {
  return error instanceof CodedError ? `${error.message} (${error.code})` : "the webhook failed; its log says why";
}

function refused(cause: NodeJS.ErrnoException, port: number): Error {
  return cause.code === "EADDRINUSE"
    ? admissionErrors.ADMISSION_ADDRESS_IN_USE({ port }, cause)
    : admissionErrors.ADMISSION_LISTEN_FAILED({ port, why: cause.code ?? cause.message }, cause);
}
