/**
 * One small HTTP client for the substrate's own questions: a supervisor behind a unix socket, health endpoints, the
 * API server. `node:http` because `probe` has to answer in milliseconds and `fetch` alone takes longer to load.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

export interface Call {
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For the whole answer; none means that it may take as long as it takes. */
  readonly timeoutMs?: number;
  /** PEM texts; without `ca` the server's certificate is not checked. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** A unix socket to connect to instead of the URL's host. */
  readonly socketPath?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Rejects when there is no answer: refused, reset, or too late. Every status is an answer. */
export function call({ url, method = "GET", body, timeoutMs, tls, socketPath }: Call): Promise<Answer> {
  const options = {
    method,
    agent: false,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    ...(socketPath === undefined ? {} : { socketPath }),
  } as const;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(error.name === "AbortError" ? new Error(`no answer in ${timeoutMs} ms`, { cause: error }) : error);
    const request = url.startsWith("https:")
      ? httpsRequest(url, { ...options, ...tls, rejectUnauthorized: tls?.ca !== undefined })
      : httpRequest(url, options);
    request.once("error", fail);
    request.once("response", response => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", chunk => {
        text += chunk;
      });
      response.once("error", fail);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
