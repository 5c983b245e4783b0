/**
 * GET for modules: bounded in size, time and redirects.
 *
 * A redirect may lead to another host (release pages and registries keep their files on object storage), but never from
 * https to http, and credentials stay with the host that they were given for.
 */
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { CodedError } from "../../lib/errors.ts";
import { moduleErrors } from "./errors.ts";

export interface HttpAnswer {
  readonly status: number;
  /** Whose answer it is, after redirects. */
  readonly origin: string;
  header(name: string): string | undefined;
  readonly body: Buffer;
}

export interface HttpGet {
  /** Of the module, for errors; without credentials. */
  readonly shown: string;
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** Bytes of the body, as it is sent. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface HttpClient {
  /**
   * Resolves with any status that is no redirect.
   * @throws MODULE_UNREACHABLE, MODULE_TOO_LARGE
   */
  get(url: URL, options: HttpGet): Promise<HttpAnswer>;
  close(): Promise<void>;
}

const mostRedirects = 5;
const connectMs = 10_000;
/** Without a sign of life. */
const silenceMs = 30_000;
const mib = 1024 * 1024;

export function createHttpClient(): HttpClient {
  const agents = new Map<string, Dispatcher>();
  const agentFor = (url: URL, insecure: boolean): Dispatcher => {
    const direct = isLoopback(url.hostname);
    const key = `${direct} ${insecure}`;
    const agent = agents.get(key) ?? createAgent(direct, insecure);
    agents.set(key, agent);
    return agent;
  };
  return {
    get: (url, options) => follow(url, options, agentFor),
    close: async () => {
      await Promise.all([...agents.values()].map(agent => agent.destroy()));
    },
  };
}

/** Proxies are those of the environment, as for Go programs; nothing on this machine is asked through one. */
function createAgent(direct: boolean, insecure: boolean): Dispatcher {
  const tls = { rejectUnauthorized: !insecure };
  const options = {
    ...{ connect: { timeout: connectMs, ...tls }, headersTimeout: silenceMs, bodyTimeout: silenceMs },
    // A login has a body and may be aborted, which over HTTP/2 can freeze the process (kube/dispatch.ts).
    allowH2: false,
  };
  return direct ? new Agent(options) : new EnvHttpProxyAgent({ ...options, requestTls: tls });
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

type AgentFor = (url: URL, insecure: boolean) => Dispatcher;

async function follow(first: URL, options: HttpGet, agentFor: AgentFor): Promise<HttpAnswer> {
  let { url, headers } = withLogin(first, options.headers ?? {});
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await exchange(url, { ...options, headers }, agentFor);
    const location = redirectOf(answer);
    if (location === undefined) return answer;
    const next = URL.parse(location, url.href);
    if (next === null || !/^https?:$/.test(next.protocol)) throw unreachable(options, "it redirects to no web address");
    if (url.protocol === "https:" && next.protocol === "http:")
      throw unreachable(options, "it redirects to plain http");
    if (next.origin !== url.origin) {
      // A body is sent where there is a token in it.
      if (options.body !== undefined) throw unreachable(options, "it redirects a login to another host");
      headers = withoutLogin(headers);
    }
    url = next;
  }
  throw unreachable(options, `more than ${mostRedirects} redirects`);
}

function redirectOf({ status, header }: HttpAnswer): string | undefined {
  return [301, 302, 303, 307, 308].includes(status) ? header("location") : undefined;
}

/** User and password of a URL as the header that they mean. */
function withLogin(given: URL, headers: Readonly<Record<string, string>>) {
  const url = new URL(given);
  const { username, password } = url;
  if (username === "" && password === "") return { url, headers };
  url.username = "";
  url.password = "";
  return {
    url,
    headers: { ...headers, authorization: basic(decodeURIComponent(username), decodeURIComponent(password)) },
  };
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function withoutLogin(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

async function exchange(url: URL, options: HttpGet, agentFor: AgentFor): Promise<HttpAnswer> {
  const { method = "GET", headers = {}, body, limit, signal, insecure = false } = options;
  try {
    const answer = await request(url, {
      method,
      headers: { "user-agent": "atc", "accept-encoding": "gzip", ...headers },
      ...(body === undefined ? {} : { body }),
      dispatcher: agentFor(url, insecure),
      signal,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // Leaving the loop ends the transfer.
      if (size > limit) throw moduleErrors.MODULE_TOO_LARGE({ url: options.shown, limitMib: limit / mib });
      chunks.push(chunk);
    }
    const header = (name: string) => [answer.headers[name]].flat()[0];
    return { status: answer.statusCode, origin: url.origin, header, body: Buffer.concat(chunks) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CodedError) throw error;
    throw unreachable(options, reasonOf(error), error);
  }
}

function unreachable({ shown }: HttpGet, why: string, cause?: unknown): Error {
  return moduleErrors.MODULE_UNREACHABLE({ url: shown, why }, cause);
}

/** Of several addresses that were tried, the first one's. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
