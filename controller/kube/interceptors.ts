/**
 * What happens around every request, one idea each; `transport.ts` puts them together.
 * An `Interceptor` serves plain requests and streams alike: it looks at the head of the answer only.
 */
import { type Clock, sleep } from "./clock.ts";
import { isKubeError, isRefusedPatch, type KubeError, kubeErrors, retryAfterMs } from "./errors.ts";
import type { Leadership } from "./leaderElection.ts";

export interface HttpRequest {
  method: string;
  path: string;
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  signal?: AbortSignal | undefined;
  /** Bound of one attempt; for a stream, of its opening. Default 30 s. */
  timeoutMs?: number;
  /** Called when its turn has come on a connection; it is not sent when this throws. */
  beforeSent?: () => void;
}

export const defaultTimeoutMs = 30_000;

export interface ResponseHead {
  status: number;
  headers: Readonly<Record<string, string>>;
}

export interface HttpResponse extends ResponseHead {
  body: string;
}

export type Send<Response extends ResponseHead> = (request: HttpRequest) => Promise<Response>;
export type Interceptor = <Response extends ResponseHead>(next: Send<Response>) => Send<Response>;

/** Puts interceptors around `send`; the first named is the outermost. */
export function compose<Response extends ResponseHead>(
  send: Send<Response>,
  ...interceptors: readonly Interceptor[]
): Send<Response> {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), send);
}

export function withHeaders(headers: Readonly<Record<string, string>>): Interceptor {
  return next => request => next({ ...request, headers: { ...headers, ...request.headers } });
}

/** For an API server that is reached under a path, as behind some gateways. */
export function withPathPrefix(prefix: string): Interceptor {
  return next => request => next({ ...request, path: prefix + request.path });
}

/** Adds the bearer token, asked for anew each time because it may be rotated. */
export function withToken(token: () => Promise<string> | string): Interceptor {
  return next => async request =>
    next({ ...request, headers: { ...request.headers, authorization: `Bearer ${await token()}` } });
}

/** For a connection, of a write: a limit that was told the API server so long ago counts from too late. */
const longestWaitMs = 1_000;

/**
 * Lets writes pass only while this replica leads, and only so long that the API server gives them up before another
 * replica may lead (its `timeout` parameter).
 * @throws KUBE_NOT_LEADER
 */
export function withFence(
  leadership: Pick<Leadership, "isLeader" | "timeLeftMs">,
  onRefused: () => void = () => {},
): Interceptor {
  return next => async request => {
    if (!isWrite(request)) return next(request);
    const timeoutMs = Math.ceil(Math.min(request.timeoutMs ?? defaultTimeoutMs, leadership.timeLeftMs()));
    const beforeSent = () => {
      if (leadership.isLeader() && timeoutMs - leadership.timeLeftMs() <= longestWaitMs) return;
      onRefused();
      throw kubeErrors.KUBE_NOT_LEADER({ method: request.method, path: request.path });
    };
    beforeSent();
    return next({ ...request, query: { ...request.query, timeout: `${timeoutMs}ms` }, timeoutMs, beforeSent });
  };
}

/** Trial runs and questions about rights are sent as writes and change nothing. */
function isWrite({ method, path, query }: HttpRequest): boolean {
  if (method === "GET" || method === "HEAD" || query?.["dryRun"] === "All") return false;
  return !/\/apis\/auth(entication|orization)\.k8s\.io\//.test(path);
}

export interface RequestInfo {
  method: string;
  /** Without the query. */
  path: string;
  /** 0 when there was no answer. */
  status: number;
  milliseconds: number;
}

/** Tells each attempt once its head, or its failure, is there. */
export function withObserver(clock: Clock, onRequest: (info: RequestInfo) => void): Interceptor {
  return next => async request => {
    const start = clock.now();
    let status = 0;
    try {
      const response = await next(request);
      status = response.status;
      return response;
    } finally {
      onRequest({ method: request.method, path: request.path, status, milliseconds: clock.now() - start });
    }
  };
}

export interface RetryOptions {
  /** Attempts in all. */
  attempts: number;
  /** Delay before the second attempt; doubles, ±20 %. */
  baseDelayMs: number;
  /** A longer Retry-After is not waited for here: the caller gets the error and decides. */
  maxRetryAfterMs: number;
}

/**
 * Repeats what can be repeated without harm: a request that never reached the server or that it refused to start
 * (429), and for idempotent requests also 5xx and a lost connection. A lost answer to an optimistic-lock apply comes
 * back as a conflict, which is safe: the caller looks again.
 */
export function withRetry(
  next: Send<HttpResponse>,
  clock: Clock,
  random: () => number,
  options: RetryOptions,
): Send<HttpResponse> {
  return async request => {
    for (let attempt = 1; ; attempt++) {
      const outcome = await next(request).then(
        response => ({ response }),
        (error: unknown) => ({ error }),
      );
      const pause = attempt < options.attempts ? pauseBefore(request, outcome, attempt, random, options) : undefined;
      if (pause === undefined) {
        if ("error" in outcome) throw outcome.error;
        return outcome.response;
      }
      await sleep(clock, pause, request.signal);
    }
  };
}

/** Milliseconds to wait before the next attempt; nothing when there should be none. */
function pauseBefore(
  request: HttpRequest,
  outcome: { response: HttpResponse } | { error: unknown },
  attempt: number,
  random: () => number,
  options: RetryOptions,
): number | undefined {
  const backoff = options.baseDelayMs * 2 ** (attempt - 1) * (0.8 + 0.4 * random());
  if ("error" in outcome) {
    const again = isKubeError(outcome.error, "KUBE_UNAVAILABLE") && (neverSent(outcome.error) || isIdempotent(request));
    return again ? backoff : undefined;
  }
  const { status, headers, body } = outcome.response;
  const failed = [500, 502, 503, 504].includes(status) && isIdempotent(request) && !isRefusedPatch(body);
  if (status !== 429 && !failed) return undefined;
  const asked = retryAfterMs(headers["retry-after"]) ?? 0;
  return asked > options.maxRetryAfterMs ? undefined : Math.max(backoff, asked);
}

function neverSent(error: KubeError): boolean {
  return error.reason === "ECONNREFUSED" || error.reason === "UND_ERR_CONNECT_TIMEOUT";
}

/** A create or a JSON patch that ran twice would not be the same as once. */
function isIdempotent(request: HttpRequest): boolean {
  return request.method !== "POST" && request.headers?.["content-type"] !== "application/json-patch+json";
}
