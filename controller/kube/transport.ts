/**
 * HTTP/2 to one API server.
 *
 * - Requests and streams have connections of their own: a watch is a stream that stays, and a server allows about 100
 *   of them per connection; further connections are opened as needed, and a request never waits behind watches.
 * - Every connection is pinged. One from which nothing comes (a half-open socket, a stopped server) is cut, so its
 *   requests fail and its watches are opened again.
 * - Pings do not show everything: a gateway may answer them and forward nothing, and a stream may wait for a place that
 *   long watches keep. After a request without an answer in time, its own or that of who asked, new ones get new
 *   connections; what runs on the old ones goes on there. The same when the server wants nothing new (GOAWAY).
 */
import { subscribe } from "node:diagnostics_channel";
import type { ClientHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { buildConnector, Client, errors, Pool } from "undici";
import { type Clock, systemClock } from "./clock.ts";
import type { ClusterConfig } from "./config.ts";
import { exchange, type HttpStream, isUnanswered, openStream } from "./dispatch.ts";
import {
  compose,
  type HttpRequest,
  type HttpResponse,
  type Interceptor,
  type RequestInfo,
  withFence,
  withHeaders,
  withObserver,
  withPathPrefix,
  withRetry,
  withToken,
} from "./interceptors.ts";
import type { Leadership } from "./leaderElection.ts";
import { cutWhenSilent } from "./silence.ts";

export type { HttpRequest, HttpResponse, RequestInfo } from "./interceptors.ts";

interface TransportStats {
  /** Open connections for requests and for streams. */
  requestConnections: number;
  streamConnections: number;
  /** Running now. */
  requests: number;
  streams: number;
}

export interface Transport {
  /** Resolves with any answer, also 4xx and 5xx; rejects with a KubeError when there is none. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Not retried: a watch knows better how to go on. */
  stream(request: HttpRequest): Promise<HttpStream>;
  stats(): TransportStats;
  /** Ends everything that still runs. */
  close(): Promise<void>;
}

export interface TransportOptions {
  userAgent?: string;
  onRequest?: (info: RequestInfo) => void;
  /** Sends writes only while this replica leads. */
  leadership?: Pick<Leadership, "isLeader" | "timeLeftMs">;
  /** A write was not sent, because this replica does not lead. */
  onFenced?: () => void;
  /** Default 5 s. */
  pingIntervalMs?: number;
  /** Unencrypted HTTP/2 for an `http://` server that is known to speak it, as the fake one of the tests. */
  h2c?: boolean;
  clock?: Clock;
  random?: () => number;
}

/*
 * undici takes its listeners off a stream that is over, and not every such stream keeps one for errors. When the
 * connection then breaks before Node.js has let go of the stream, the error that nobody hears ends the process (undici
 * 8.12, found by test/chaos). A listener more on each stream takes nothing from anybody.
 */
subscribe("http2.client.stream.created", message => {
  (message as { stream: ClientHttp2Stream }).stream.on("error", () => undefined);
});

const retry = { attempts: 4, baseDelayMs: 100, maxRetryAfterMs: 5_000 };
/** Shorter would mean a new TLS handshake in front of the next change. Dead connections are found by ping. */
const idleConnectionMs = 600_000;

export function createTransport(config: ClusterConfig, options: TransportOptions = {}): Transport {
  const { clock = systemClock, random = Math.random, userAgent = "dynamic-mode" } = options;
  const requests = createConnections(config, options);
  const streams = createConnections(config, options);
  const prefix = new URL(config.server).pathname.replace(/\/$/, "");
  const common: Interceptor[] = [
    ...(options.leadership === undefined ? [] : [withFence(options.leadership, options.onFenced)]),
    ...(prefix === "" ? [] : [withPathPrefix(prefix)]),
    withHeaders({ accept: "application/json", "user-agent": userAgent }),
    ...(config.token === undefined ? [] : [withToken(config.token)]),
    ...(options.onRequest === undefined ? [] : [withObserver(clock, options.onRequest)]),
  ];
  return {
    request: withRetry(
      compose((request: HttpRequest) => requests.use(pool => exchange(pool, request)), ...common),
      clock,
      random,
      retry,
    ),
    stream: compose((request: HttpRequest) => streams.use(pool => openStream(pool, request)), ...common),
    stats: () => {
      const [ofRequests, ofStreams] = [requests.stats(), streams.stats()];
      return {
        requestConnections: ofRequests.connected,
        streamConnections: ofStreams.connected,
        requests: ofRequests.running,
        streams: ofStreams.running,
      };
    },
    close: async () => {
      await Promise.all([requests.destroy(), streams.destroy()]);
    },
  };
}

interface Connections {
  /** Sends on connections that have not failed to answer. */
  use<Result>(send: (pool: Pool) => Promise<Result>): Promise<Result>;
  stats(): { connected: number; running: number };
  /** Ends everything that still runs. */
  destroy(): Promise<void>;
}

function createConnections(config: ClusterConfig, options: TransportOptions): Connections {
  const pools = new Set<Pool>();
  const sockets = new Set<Socket>();
  const open = (): Pool => {
    const pool = createPool(config, options, socket => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    // The server wants nothing new on a connection where something still runs (GOAWAY). As long as it does, undici
    // opens no other one for what comes next, which would wait for a watch to end.
    pool.on("disconnect", (_, targets) => {
      const client = targets.at(-1);
      if (client instanceof Client && client.stats.running > 0) replace(pool);
    });
    pools.add(pool);
    return pool;
  };
  const replace = (pool: Pool): void => {
    if (pool !== current || pool.destroyed) return;
    current = open();
    const { connected, running } = pool.stats;
    // Where nothing was sent, undici would try to connect for each that waits, one after the other, also when nobody
    // waits for it any more.
    const unsent = new errors.ConnectTimeoutError("no connection came about in time");
    const ended = connected + running > 0 ? pool.close() : pool.destroy(unsent);
    void ended.then(() => pools.delete(pool));
  };
  let current = open();
  return {
    async use(send) {
      const pool = current;
      try {
        return await send(pool);
      } catch (error) {
        if (isUnanswered(error)) replace(pool);
        throw error;
      }
    },
    stats: () => {
      const all = [...pools].map(({ stats }) => stats);
      const sum = (of: "connected" | "running") => all.reduce((total, stats) => total + stats[of], 0);
      return { connected: sum("connected"), running: sum("running") };
    },
    destroy: async () => {
      await Promise.all([...pools].map(pool => pool.destroy()));
      // undici does not know connections any more on which the server wants nothing new.
      for (const socket of sockets) socket.destroy(new errors.ClientDestroyedError());
    },
  };
}

function createPool(config: ClusterConfig, options: TransportOptions, connected: (socket: Socket) => void): Pool {
  const pingInterval = options.pingIntervalMs ?? 5_000;
  // Spread, because undici's types name this option in one place only.
  const protocol = { allowH2: true, ...(options.h2c === true ? { useH2c: true } : {}) };
  const connect = buildConnector({
    ...protocol,
    timeout: 10_000,
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.serverName === undefined ? {} : { servername: config.serverName }),
  });
  return new Pool(new URL(config.server).origin, {
    ...protocol,
    keepAliveTimeout: idleConnectionMs,
    keepAliveMaxTimeout: idleConnectionMs,
    h2Options: { pingInterval },
    connect: (connectOptions, callback) =>
      connect(connectOptions, (...result) => {
        if (result[0] === null) {
          connected(result[1]);
          cutWhenSilent(result[1], pingInterval);
        }
        callback(...result);
      }),
  });
}
