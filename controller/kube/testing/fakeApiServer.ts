/**
 * An API server whose every answer a test gives: HTTP/2 without TLS on a loopback port.
 * `next()` hands out the requests one by one, so a test reads like the conversation it is about.
 */
import { once } from "node:events";
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { ClusterConfig } from "../config.ts";
import { Mailbox } from "./mailbox.ts";

export class FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What it came on: to be compared. */
  readonly connection: unknown;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string) {
    const url = new URL(headers[":path"] ?? "/", "http://fake");
    this.method = headers[":method"] ?? "";
    this.path = url.pathname;
    this.query = url.searchParams;
    this.headers = headers;
    this.body = body;
    this.connection = stream.session;
    this.#stream = stream;
  }

  json(status: number, value: unknown, headers: Record<string, string> = {}): void {
    this.text(status, JSON.stringify(value), { "content-type": "application/json", ...headers });
  }

  text(status: number, body: string, headers: Record<string, string> = {}): void {
    this.#stream.respond({ ":status": status, ...headers });
    this.#stream.end(body);
  }

  /** A refusal in the API server's words. */
  status(code: number, reason: string, message = reason, headers: Record<string, string> = {}): void {
    this.json(code, { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code }, headers);
  }

  /** A head before the head (1xx), as gateways may send. */
  hint(): void {
    this.#stream.additionalHeaders({ ":status": 103 });
  }

  /** Answers 200 and leaves the stream open. */
  open(): FakeWatch {
    this.#stream.respond({ ":status": 200, "content-type": "application/json" });
    return new FakeWatch(this.#stream);
  }

  /** RST_STREAM that says that nothing was done: the client may send it again. */
  refuse(): void {
    this.#stream.close(constants.NGHTTP2_REFUSED_STREAM);
  }

  /** Wants nothing new on this connection; what runs on it goes on. Resolves when the client knows. */
  async goAway(): Promise<void> {
    const { session } = this.#stream;
    if (session === undefined) return;
    session.goaway();
    await once(session, "goaway");
  }

  /** Cuts the whole connection. */
  cut(): void {
    this.#stream.session?.destroy();
  }

  /** With the code of RST_STREAM, 0 after a good end. */
  get closed(): Promise<number> {
    return new Promise(resolve => {
      const over = () => resolve(this.#stream.rstCode);
      if (this.#stream.closed) over();
      else this.#stream.once("close", over);
    });
  }
}

export class FakeWatch {
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  event(type: string, object: unknown): void {
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  raw(data: string | Buffer): void {
    this.#stream.write(data);
  }

  end(): void {
    this.#stream.end();
  }

  /** RST_STREAM without an end before it. */
  reset(): void {
    this.#stream.destroy(new Error("reset"));
  }

  cut(): void {
    this.#stream.session?.destroy();
  }

  get closed(): Promise<void> {
    return new Promise(resolve => {
      if (this.#stream.closed) resolve();
      else this.#stream.once("close", () => resolve());
    });
  }
}

export class FakeApiServer {
  readonly #requests = new Mailbox<FakeRequest>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #server;
  /** Answers requests before `next()` gets to see them. */
  answer: (request: FakeRequest) => boolean = () => false;

  private constructor(settings: { maxConcurrentStreams?: number }) {
    this.#server = createServer({ settings });
    this.#server.on("session", session => {
      this.#sessions.add(session);
      session.on("error", () => undefined);
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const request = new FakeRequest(stream, headers, Buffer.concat(chunks).toString("utf8"));
        if (!this.answer(request)) this.#requests.put(request);
      });
    });
  }

  static async start(settings: { maxConcurrentStreams?: number } = {}): Promise<FakeApiServer> {
    const fake = new FakeApiServer(settings);
    await new Promise<void>(resolve => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** Stops listening and cuts all connections, as a killed process does; `restart` comes back on the same port. */
  async kill(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  restart(port: number): Promise<void> {
    return new Promise(resolve => this.#server.listen(port, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get config(): ClusterConfig {
    return { server: `http://127.0.0.1:${this.port}`, namespace: "default" };
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** The next request that nobody answered yet. */
  next(): Promise<FakeRequest> {
    return this.#requests.take();
  }

  get unanswered(): number {
    return this.#requests.size;
  }
}
