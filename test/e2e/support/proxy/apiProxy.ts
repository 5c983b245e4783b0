/**
 * Stands between a controller and its API server as an HTTP/2 server of its own, so it can fail as API servers and what
 * stands in front of them do: per request, per watch, per connection.
 */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { loadConfig } from "../../../../controller/kube/config.ts";
import { selfSigned } from "./certificate.ts";
import { type WatchFaults, WatchStream } from "./watchStream.ts";

export type RequestKind = "watch" | "list" | "read" | "write";

/** What happens to the next `count` requests of a kind. */
export interface RequestFault {
  readonly on: readonly RequestKind[];
  count: number;
  /** No longer than this, however few requests came. */
  readonly forMs?: number;
  /**
   * - `answer`: with this status instead of asking the API server
   * - `lose`: the API server does as asked, and the answer never comes
   * - `truncate`: half of the answer's body, which then ends in good order
   * - `hold`: sent on only after `ms`, even when the controller has gone meanwhile
   */
  readonly act:
    | { readonly type: "answer"; readonly status: number; readonly retryAfter?: number }
    | { readonly type: "lose" }
    | { readonly type: "truncate" }
    | { readonly type: "hold"; readonly ms: number };
}

export interface ApiProxy {
  readonly port: number;
  /** PEM; what the controller is to trust. */
  readonly ca: string;
  readonly watches: ReadonlySet<WatchStream>;
  readonly watchFaults: WatchFaults;
  /** Each watch that opens is first told old events. */
  replay: boolean;
  fail(fault: RequestFault): void;
  /** Takes the next request of this method and path out of the way, as a network does that delivers late. */
  holdBack(method: string, path: string): HeldRequest;
  /** Events of one connection stay behind those of the others by `ms`; undefined: none does. */
  delayOneConnection(ms: number | undefined): void;
  /** All faults end; what is broken stays broken. */
  heal(): void;
  close(): void;
}

export interface HeldRequest {
  /** Resolves when the request is here. */
  readonly caught: Promise<void>;
  /** Sends it on, whatever became of its sender. Resolves with the status of the answer, which nobody gets. */
  deliver(): Promise<number>;
}

interface Connection {
  readonly session: ServerHttp2Session;
  readonly upstream: ClientHttp2Session;
  watches: number;
  delayMs: number;
}

export async function openApiProxy(kubeconfig: string): Promise<ApiProxy> {
  const { server: target, ca, cert, key } = loadConfig({ kubeconfig });
  const own = await selfSigned();
  const connections = new Set<Connection>();
  const watches = new Set<WatchStream>();
  const histories = new Map<string, string[]>();
  const watchFaults: WatchFaults = { dropBookmarks: false };
  let faults: RequestFault[] = [];
  let holding: { method: string; path: string; caught: (send: () => Promise<number>) => void } | undefined;
  // Few streams a connection, so that watches are on several, as with thousands of them.
  const server = createSecureServer({ ...own, settings: { maxConcurrentStreams: 8 } });
  server.on("session", session => {
    const upstream = dial();
    const connection: Connection = { session, upstream, watches: 0, delayMs: 0 };
    connections.add(connection);
    upstream.on("error", () => session.destroy());
    upstream.on("close", () => session.destroy());
    session.on("error", () => undefined);
    session.on("close", () => {
      connections.delete(connection);
      // Requests that are held back outlive who sent them.
      setTimeout(() => upstream.close(), 5_000).unref();
    });
    session.on("stream", (stream, headers) => serve(connection, stream, headers));
  });

  const dial = () => connect(target, { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  const deliver = async (headers: IncomingHttpHeaders, body: Buffer): Promise<number> => {
    const upstream = dial();
    try {
      const far = upstream.request({ ...headers, ":authority": new URL(target).host });
      far.end(body);
      const [answer] = (await once(far, "response")) as [IncomingHttpStatusHeader];
      return answer[":status"] ?? 0;
    } finally {
      upstream.destroy();
    }
  };

  function serve(connection: Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => undefined);
    const kind = kindOf(headers);
    const fault = faults.find(candidate => candidate.count > 0 && candidate.on.includes(kind));
    if (fault !== undefined) fault.count--;
    const act = fault?.act;
    if (act?.type === "answer") {
      refuse(stream, act.status, act.retryAfter);
      return;
    }
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      if (holding !== undefined && holding.method === headers[":method"] && holding.path === pathOf(headers)) {
        const { caught } = holding;
        holding = undefined;
        caught(() => deliver(headers, Buffer.concat(chunks)));
        return;
      }
      const forward = () => ask(connection, stream, headers, { kind, body: Buffer.concat(chunks), act });
      if (act?.type === "hold") setTimeout(forward, act.ms);
      else forward();
    });
  }

  function ask(
    connection: Connection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    request: { kind: RequestKind; body: Buffer; act: RequestFault["act"] | undefined },
  ): void {
    const { upstream } = connection;
    if (upstream.destroyed || upstream.closed) {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    }
    const far = upstream.request(
      { ...headers, ":authority": new URL(target).host },
      { endStream: request.body.length === 0 },
    );
    if (request.body.length > 0) far.end(request.body);
    far.on("error", () => reset(stream));
    far.on("close", () => reset(stream));
    // A held request is on its way; nobody can call it back.
    if (request.act?.type !== "hold") stream.on("close", () => far.close(constants.NGHTTP2_CANCEL));
    far.on("response", answer => {
      if (stream.destroyed) return;
      if (request.act?.type === "lose") return void far.resume().on("end", () => reset(stream));
      const { ":status": status, "content-length": _, ...rest } = answer;
      stream.respond({ ":status": status, ...rest });
      if (request.kind === "watch" && status === 200) follow(connection, stream, far, headers);
      else pass(stream, far, request.act?.type === "truncate");
    });
  }

  function follow(
    connection: Connection,
    stream: ServerHttp2Stream,
    far: ClientHttp2Stream,
    headers: IncomingHttpHeaders,
  ): void {
    const { ":path": path = "", accept = "" } = headers;
    const scope = `${path.replace(/resourceVersion=\d+|timeoutSeconds=\d+/g, "")} ${accept}`;
    const history = histories.get(scope) ?? [];
    histories.set(scope, history);
    const later = inOrder(() => connection.delayMs);
    const watch = new WatchStream({
      write: text => later(() => void (stream.writable && stream.write(text))),
      end: () => later(() => stream.end()),
      faults: watchFaults,
      history,
    });
    watches.add(watch);
    connection.watches++;
    stream.on("close", () => {
      watches.delete(watch);
      connection.watches--;
    });
    if (proxy.replay) watch.replay(Number(/resourceVersion=(\d+)/.exec(path)?.[1]));
    far.on("data", (chunk: Buffer) => watch.take(chunk));
    far.on("end", () => watch.end());
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: ApiProxy = {
    port: (server.address() as AddressInfo).port,
    ca: own.cert,
    watches,
    watchFaults,
    replay: false,
    fail(fault) {
      faults.push(fault);
      if (fault.forMs !== undefined) setTimeout(() => (fault.count = 0), fault.forMs).unref();
    },
    holdBack: (method, path) => {
      const request = Promise.withResolvers<() => Promise<number>>();
      holding = { method, path, caught: request.resolve };
      return {
        caught: request.promise.then(() => undefined),
        deliver: async () => (await request.promise)(),
      };
    },
    delayOneConnection: ms => {
      for (const connection of connections) connection.delayMs = 0;
      const busiest = [...connections].sort((a, b) => b.watches - a.watches)[0];
      if (busiest !== undefined && ms !== undefined) busiest.delayMs = ms;
    },
    heal: () => {
      faults = [];
      watchFaults.dropBookmarks = false;
      proxy.replay = false;
      for (const connection of connections) connection.delayMs = 0;
    },
    close: () => {
      for (const { session, upstream } of connections) {
        session.destroy();
        upstream.destroy();
      }
      server.close();
    },
  };
  return proxy;
}

function kindOf(headers: IncomingHttpHeaders): RequestKind {
  const { ":method": method = "GET", ":path": path = "/" } = headers;
  if (method !== "GET") return "write";
  const { pathname, searchParams } = new URL(path, "http://proxy");
  if (searchParams.get("watch") === "true") return "watch";
  // Lists have a limit, or end in the plural of a kind that a page continues.
  return searchParams.has("limit") || searchParams.has("continue") || /\/namespaces\/[^/]+\/[^/]+$/.test(pathname)
    ? "list"
    : "read";
}

/**
 * Late, but never out of order: a stream is one. Timers are not, whose times are rounded: an event that overtakes
 * another one is dropped by the receiver as a repeat, as it may be, and that is a loss which no network can cause.
 */
function inOrder(delayMs: () => number): (action: () => void) => void {
  const waiting: (() => void)[] = [];
  return action => {
    if (waiting.length === 0 && delayMs() === 0) {
      action();
      return;
    }
    waiting.push(action);
    setTimeout(() => waiting.shift()?.(), delayMs());
  };
}

function pathOf(headers: IncomingHttpHeaders): string | undefined {
  return headers[":path"]?.split("?")[0];
}

function refuse(stream: ServerHttp2Stream, code: number, retryAfter?: number): void {
  const reason = code === 410 ? "Expired" : "InternalError";
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: "chaos" };
  stream.respond({
    ":status": code,
    "content-type": "application/json",
    ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
  });
  stream.end(JSON.stringify(status));
}

function pass(stream: ServerHttp2Stream, far: ClientHttp2Stream, truncate: boolean): void {
  const chunks: Buffer[] = [];
  far.on("data", (chunk: Buffer) => chunks.push(chunk));
  far.on("end", () => {
    const body = Buffer.concat(chunks);
    if (stream.writable) stream.end(truncate ? body.subarray(0, body.length / 2) : body);
  });
}

function reset(stream: ServerHttp2Stream): void {
  if (!stream.destroyed && !stream.writableEnded) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}
