/**
 * JSON over HTTP or HTTPS with Node's own client. A plugin starts for every operation of the engine, and this one is
 * loaded in under a millisecond where undici takes 80 to 100.
 */
import http from "node:http";
import https from "node:https";
import type { Value } from "./wire.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as it is, or as JSON if it is not a string. */
  readonly body?: Value | undefined;
  readonly agent: http.Agent;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Parsed JSON; the text itself if it is none; undefined if empty. */
  readonly body: Value | undefined;
}

/** Keeps connections for the life of the plugin; `tls` holds the client certificate and the CA. */
export const createAgent = (url: string, tls: https.AgentOptions = {}): http.Agent =>
  url.startsWith("https:") ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true });

function parse(text: string): Value | undefined {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function sendRequest({ method, url, headers, body, agent, signal }: HttpRequest): Promise<HttpResponse> {
  const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  // A DELETE with a body needs its length, or the server takes the body for the next request.
  const length = payload === undefined ? {} : { "content-length": String(Buffer.byteLength(payload)) };
  const send = url.startsWith("https:") ? https.request : http.request;
  return await new Promise((resolve, reject) => {
    const request = send(url, { method, headers: { ...headers, ...length }, agent, signal }, response => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString("utf8")) });
      });
    });
    request.once("error", reject);
    request.end(payload);
  });
}
