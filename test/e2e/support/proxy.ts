/** Stands between a controller and its API server, and fails as networks and API servers do. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { loadConfig } from "../../../controller/kube/config.ts";

interface Front {
  /** Path of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

async function open(server: Server, rewrite: (port: number) => string): Promise<Front> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = mkdtempSync(join(tmpdir(), "e2e-proxy-"));
  const kubeconfig = join(folder, "kubeconfig.yaml");
  writeFileSync(kubeconfig, rewrite((server.address() as AddressInfo).port), { mode: 0o600 });
  return {
    kubeconfig,
    close: async () => {
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface NetworkProxy extends Front {
  /** Breaks all connections and refuses new ones, until `heal`. */
  cut(): void;
  /** The connections that exist stay open and carry nothing any more, as behind a router that was replaced. */
  freeze(): void;
  heal(): void;
}

/** Passes bytes, so TLS and HTTP/2 are those of the API server itself. */
export async function networkProxy(kubeconfig: string): Promise<NetworkProxy> {
  const { port, host, hostname } = new URL(loadConfig({ kubeconfig }).server);
  const sockets = new Set<Socket>();
  let refusing = false;
  const drop = (pair: Socket[]) => {
    for (const socket of pair) {
      socket.destroy();
      sockets.delete(socket);
    }
  };
  const server = createServer(near => {
    if (refusing) return near.destroy();
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    for (const socket of pair) {
      sockets.add(socket);
      socket.on("error", () => drop(pair));
      socket.on("close", () => drop(pair));
    }
    return near.pipe(far).pipe(near);
  });
  const front = await open(server, own => readFileSync(kubeconfig, "utf8").replaceAll(host, `127.0.0.1:${own}`));
  return {
    ...front,
    cut: () => {
      refusing = true;
      drop([...sockets]);
    },
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    heal: () => {
      refusing = false;
    },
    close: async () => {
      drop([...sockets]);
      await front.close();
    },
  };
}

export interface FaultyApi extends Front {
  /** Answers requests, and watches that are opened, with this status; undefined: passes them on. Open watches live on. */
  answerWith(status: number | undefined): void;
  /** Takes the next request of this method and path out of the way, as a network does that delivers late. */
  holdBack(method: string, path: string): HeldRequest;
}

export interface HeldRequest {
  /** Resolves when the request is here. */
  readonly caught: Promise<void>;
  /** Sends it on, whatever became of its sender. Resolves with the status of the answer, which nobody gets. */
  deliver(): Promise<number>;
}

/** Passes requests, so it can answer some itself; plain HTTP/1.1 towards the controller. */
export async function faultyApi(kubeconfig: string): Promise<FaultyApi> {
  const { server: target, ca, cert, key } = loadConfig({ kubeconfig });
  const agent = new Agent({ keepAlive: true, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  let fault: number | undefined;
  let holding: { method: string; path: string; caught: (send: () => Promise<number>) => void } | undefined;
  const refuse = (response: ServerResponse, code: number) => {
    const status = { kind: "Status", apiVersion: "v1", status: "Failure", code, message: "the test says no" };
    const retry = code === 429 ? { "retry-after": "1" } : {};
    response.writeHead(code, { "content-type": "application/json", ...retry }).end(JSON.stringify(status));
  };
  const pass = (request: IncomingMessage, response: ServerResponse) => {
    const { method, url, headers } = request;
    const far = httpsRequest(new URL(url ?? "/", target), { method, headers, agent }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // Node holds the head of an answer back until its first byte, which a watch may not have for a minute.
      response.flushHeaders();
      answer.pipe(response).on("close", () => answer.destroy());
    });
    far.on("error", () => response.destroy());
    request.pipe(far);
  };
  const hold = async (request: IncomingMessage, caught: (send: () => Promise<number>) => void) => {
    const { method, url, headers } = request;
    const body = await buffer(request);
    caught(async () => {
      const far = httpsRequest(new URL(url ?? "/", target), { method, headers, agent }).end(body);
      const [answer] = (await once(far, "response")) as [IncomingMessage];
      answer.resume();
      return answer.statusCode ?? 0;
    });
  };
  const server = createHttpServer((request, response) => {
    const held = holding;
    if (held !== undefined && held.method === request.method && request.url?.split("?")[0] === held.path) {
      holding = undefined;
      void hold(request, held.caught);
    } else if (fault === undefined) pass(request, response);
    else refuse(response, fault);
  });
  const config = (port: number) =>
    JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "e2e" },
      contexts: [{ name: "e2e", context: { cluster: "e2e", user: "e2e" } }],
      clusters: [{ name: "e2e", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "e2e", user: {} }],
    });
  const front = await open(server, config);
  return {
    ...front,
    answerWith: status => {
      fault = status;
    },
    holdBack: (method, path) => {
      const request = Promise.withResolvers<() => Promise<number>>();
      holding = { method, path, caught: request.resolve };
      return {
        caught: request.promise.then(() => undefined),
        deliver: async () => (await request.promise)(),
      };
    },
    close: async () => {
      server.closeAllConnections();
      agent.destroy();
      await front.close();
    },
  };
}
