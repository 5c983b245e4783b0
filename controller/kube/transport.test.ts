import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { FakeApiServer, type FakeWatch } from "./testing/fakeApiServer.ts";
import { Mailbox } from "./testing/mailbox.ts";
import { ManualClock } from "./testing/manualClock.ts";
import { createTransport, type RequestInfo, type Transport, type TransportOptions } from "./transport.ts";

let server: FakeApiServer;
let transport: Transport;
let clock: ManualClock;
let told: RequestInfo[];

const options = (): TransportOptions => ({ h2c: true, clock, random: () => 0.5, onRequest: info => told.push(info) });
const get = { method: "GET", path: "/version" };
const watch = { method: "GET", path: "/api/v1/pods" };

beforeEach(async () => {
  server = await FakeApiServer.start({ maxConcurrentStreams: 4 });
  clock = new ManualClock({ skipUpToMs: 60_000 });
  told = [];
  transport = createTransport(server.config, options());
});

afterEach(async () => {
  await transport.close();
  await server.kill();
});

/** Time-outs of requests pass when the test says so: the machine may take its time before a request has arrived. */
function holdTimeouts(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe("a request", () => {
  test("carries method, query, headers and body, and resolves with any status", async () => {
    const answer = transport.request({
      method: "POST",
      path: "/api/v1/pods",
      query: { dryRun: "All", force: true, absent: undefined },
      headers: { "content-type": "application/json" },
      body: '{"ä":1}',
    });
    const request = await server.next();
    expect([request.method, request.path, request.query.toString(), request.body]).toEqual([
      "POST",
      "/api/v1/pods",
      "dryRun=All&force=true",
      '{"ä":1}',
    ]);
    expect(request.headers).toMatchObject({ accept: "application/json", "user-agent": "dynamic-mode" });
    request.text(418, "täpot", { "x-a": "1" });
    expect(await answer).toMatchObject({ status: 418, body: "täpot", headers: { "x-a": "1" } });
    expect(told).toMatchObject([{ method: "POST", path: "/api/v1/pods", status: 418 }]);
  });

  test("asks for the token anew each time, under the path of the server", async () => {
    let token = "one";
    const config = { ...server.config, server: `${server.config.server}/gate/`, token: () => token };
    const guarded = createTransport(config, options());
    for (const wanted of ["one", "two"]) {
      token = wanted;
      const answer = guarded.request(get);
      const request = await server.next();
      expect([request.path, request.headers.authorization]).toEqual(["/gate/version", `Bearer ${wanted}`]);
      request.text(200, "");
      await answer;
    }
    await guarded.close();
  });

  test.each([
    [429, "POST", "2", 2_000],
    [429, "GET", undefined, 100],
    [503, "GET", undefined, 100],
    [500, "PATCH", undefined, 100],
    [504, "DELETE", "1", 1_000],
  ])("that is answered %i is repeated: %s after Retry-After %s", async (status, method, retryAfter, pause) => {
    const answer = transport.request({ ...get, method });
    (await server.next()).text(status, "", retryAfter === undefined ? {} : { "retry-after": retryAfter });
    (await server.next()).text(200, "at last");
    expect((await answer).body).toBe("at last");
    expect(clock.scheduled).toEqual([pause]);
    expect(told.map(info => info.status)).toEqual([status, 200]);
  });

  test.each([
    [500, "POST", {}],
    [501, "GET", {}],
    [404, "GET", {}],
    [409, "PATCH", {}],
    [500, "PATCH", { "content-type": "application/json-patch+json" }],
  ])("that is answered %i is not repeated: %s", async (status, method, headers) => {
    const answer = transport.request({ ...get, method, headers });
    (await server.next()).text(status, "");
    expect((await answer).status).toBe(status);
    expect(clock.scheduled).toEqual([]);
  });

  test("that asks for a long pause is left to the caller", async () => {
    const answer = transport.request(get);
    (await server.next()).text(429, "", { "retry-after": "60" });
    expect(await answer).toMatchObject({ status: 429, headers: { "retry-after": "60" } });
  });

  test("is repeated a bounded number of times, with growing pauses", async () => {
    const answer = transport.request(get);
    for (let attempt = 0; attempt < 4; attempt++) (await server.next()).text(503, String(attempt));
    expect(await answer).toMatchObject({ status: 503, body: "3" });
    expect(clock.scheduled).toEqual([100, 200, 400]);
  });

  test("survives a cut connection if it is idempotent", async () => {
    const answer = transport.request(get);
    (await server.next()).cut();
    (await server.next()).text(200, "again");
    expect((await answer).body).toBe("again");
  });

  test("that may have had its effect is not repeated after a cut", async () => {
    const answer = transport.request({ ...get, method: "POST" });
    (await server.next()).cut();
    await expect(answer).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE", status: 0 });
    expect(server.unanswered).toBe(0);
  });

  test("finds a server that comes back", async () => {
    const { port } = server;
    await server.kill();
    await expect(transport.request(get)).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE", reason: "ECONNREFUSED" });
    await server.restart(port);
    const answer = transport.request(get);
    (await server.next()).text(200, "back");
    expect((await answer).body).toBe("back");
  });

  test("ends when its signal aborts, also while it waits for the next attempt", async () => {
    const abort = new AbortController();
    const answer = transport.request({ ...get, signal: abort.signal });
    const request = await server.next();
    abort.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await request.closed;
    await expect(transport.request({ ...get, signal: abort.signal })).rejects.toThrow("enough");
  });

  test("with a body is not cut off when nobody waits for it any more, and leaves its connection as it was", async () => {
    holdTimeouts();
    const abort = new AbortController();
    const write = { method: "POST", path: "/api/v1/pods", body: "{}" };
    const given = [
      transport.request({ ...write, signal: abort.signal }),
      transport.request({ ...write, timeoutMs: 20 }),
    ];
    const requests = [await server.next(), await server.next()];
    abort.abort(new Error("enough"));
    await expect(given[0]).rejects.toThrow("enough");
    vi.advanceTimersByTime(20);
    await expect(given[1]).rejects.toThrow("0.02 s");
    for (const request of requests) request.text(200, "");
    for (const request of requests) expect(await request.closed).toBe(0);
  });

  test("has a time-out", async () => {
    holdTimeouts();
    const answer = transport.request({ ...get, method: "POST", timeoutMs: 20 });
    await server.next();
    vi.advanceTimersByTime(20);
    await expect(answer).rejects.toMatchObject({
      code: "KUBE_UNAVAILABLE",
      message: expect.stringContaining("0.02 s"),
    });
  });

  test("after close is refused as stopped", async () => {
    await transport.close();
    await expect(transport.request(get)).rejects.toMatchObject({ code: "KUBE_STOPPED" });
  });
});

test("a request whose time is over at the very moment of the close opens nothing anew", async () => {
  holdTimeouts();
  const unanswered = transport.request({ ...get, method: "POST" });
  await server.next();
  const closed = transport.close();
  vi.advanceTimersByTime(30_000);
  await expect(unanswered).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  await closed;
  await expect(transport.request(get)).rejects.toMatchObject({ code: "KUBE_STOPPED" });
});

describe("a stream", () => {
  test("gives whole lines however they are cut", async () => {
    const opening = transport.stream(watch);
    const open = (await server.next()).open();
    const { status, lines } = await opening;
    expect(status).toBe(200);
    const seen = lines[Symbol.asyncIterator]();
    const [head, tail] = [Buffer.from("grü").subarray(0, 3), Buffer.from("grü").subarray(3)];
    open.raw("one\ntwo\n");
    expect(await seen.next()).toEqual({ value: "one", done: false });
    expect(await seen.next()).toEqual({ value: "two", done: false });
    const third = seen.next();
    open.raw(head);
    open.raw(tail);
    open.raw("n\n\nrest");
    expect(await third).toEqual({ value: "grün", done: false });
    expect(await seen.next()).toEqual({ value: "", done: false });
    open.end();
    expect(await seen.next()).toEqual({ value: "rest", done: false });
    expect(await seen.next()).toEqual({ value: undefined, done: true });
  });

  test("begins with its own head, whatever a gateway says before", async () => {
    const opening = transport.stream(watch);
    const request = await server.next();
    request.hint();
    request.open().raw("one\n");
    const { status, lines } = await opening;
    expect(status).toBe(200);
    expect(await lines[Symbol.asyncIterator]().next()).toEqual({ value: "one", done: false });
  });

  test("hands over what came before a cut, then fails", async () => {
    const opening = transport.stream(watch);
    const open = (await server.next()).open();
    const seen = (await opening).lines[Symbol.asyncIterator]();
    open.raw("whole\nhal");
    expect(await seen.next()).toEqual({ value: "whole", done: false });
    open.cut();
    await expect(seen.next()).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  });

  test("brings many lines in order to a slow reader", async () => {
    const opening = transport.stream(watch);
    const open = (await server.next()).open();
    const { lines } = await opening;
    const all = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    open.raw(`${all.join("\n")}\n`);
    open.end();
    const seen: string[] = [];
    for await (const line of lines) {
      if (seen.length % 1_000 === 0) await new Promise(setImmediate);
      seen.push(line);
    }
    expect(seen).toEqual(all);
  });

  test("ends at the server when the reader leaves", async () => {
    const opening = transport.stream(watch);
    const request = await server.next();
    request.open().raw("one\n");
    for await (const _ of (await opening).lines) break;
    await request.closed;
  });

  test("ends when its signal aborts", async () => {
    const abort = new AbortController();
    const opening = transport.stream({ ...watch, signal: abort.signal });
    const request = await server.next();
    request.open();
    const seen = (await opening).lines[Symbol.asyncIterator]();
    const line = seen.next();
    abort.abort(new Error("enough"));
    await expect(line).rejects.toThrow("enough");
    await request.closed;
  });

  test("of many takes as many connections as the server's limit asks for, and requests keep their own", async () => {
    const openings = Array.from({ length: 10 }, () => transport.stream(watch));
    for (const _ of openings) (await server.next()).open();
    await Promise.all(openings);
    expect(transport.stats()).toMatchObject({ streams: 10, streamConnections: 3 });
    const answer = transport.request(get);
    (await server.next()).text(200, "not queued");
    expect((await answer).body).toBe("not queued");
    expect(transport.stats()).toMatchObject({ requestConnections: 1 });
  });
});

test("a connection that answers pings and nothing else gets nothing new, and keeps what runs on it", async () => {
  holdTimeouts();
  const opening = transport.stream(watch);
  const open = (await server.next()).open();
  const seen = (await opening).lines[Symbol.asyncIterator]();
  const forgotten = transport.stream({ ...watch, timeoutMs: 50 });
  const first = await server.next();
  vi.advanceTimersByTime(50);
  await expect(forgotten).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  const again = transport.stream(watch);
  const second = await server.next();
  expect(second.connection).not.toBe(first.connection);
  second.open();
  await again;
  expect(transport.stats()).toMatchObject({ streams: 2, streamConnections: 2 });
  open.raw("still here\n");
  expect(await seen.next()).toEqual({ value: "still here", done: false });
});

describe("a connection on which the server wants nothing new", () => {
  let line: Promise<IteratorResult<string>>;
  let open: FakeWatch;

  beforeEach(async () => {
    const opening = transport.stream(watch);
    const request = await server.next();
    open = request.open();
    line = (await opening).lines[Symbol.asyncIterator]().next();
    await request.goAway();
  });

  test("keeps what runs on it, while others go elsewhere at once", async () => {
    const again = transport.stream(watch);
    (await server.next()).open();
    await again;
    expect(transport.stats().streams).toBe(2);
    open.raw("still here\n");
    expect(await line).toEqual({ value: "still here", done: false });
  });

  test("is closed with all others", async () => {
    await transport.close();
    await expect(line).rejects.toMatchObject({ code: "KUBE_STOPPED" });
  });
});

test("what waits for a connection that does not come about goes to another one when somebody gave up waiting", async () => {
  holdTimeouts();
  const sockets: Socket[] = [];
  const arrived = new Mailbox<Socket>();
  const mute = createServer(socket => {
    sockets.push(socket.on("error", () => undefined));
    arrived.put(socket);
  });
  await new Promise<void>(resolve => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as AddressInfo;
  // It never answers the greeting of TLS.
  const secure = createTransport({ ...server.config, server: `https://127.0.0.1:${port}` }, options());
  const outcomes = [{ timeoutMs: 50 }, {}].map(limit => secure.request({ ...get, ...limit, method: "POST" }));
  await arrived.take();
  vi.advanceTimersByTime(50);
  await expect(outcomes[0]).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  await arrived.take();
  // The one that waits, too, was tried once and is tried again.
  expect(told).toHaveLength(2);
  await secure.close();
  await expect(outcomes[1]).rejects.toMatchObject({ code: "KUBE_STOPPED" });
  for (const socket of sockets) socket.destroy();
  mute.close();
});

test("who gave up waiting has new connections for what is next, and who did not want any more keeps the old ones", async () => {
  const tooLate = new Error("too late", { cause: new DOMException("within 5 s", "TimeoutError") });
  const connections: unknown[] = [];
  for (const reason of [new Error("not wanted"), tooLate, AbortSignal.abort().reason]) {
    const abort = new AbortController();
    const answer = transport.request({ ...get, signal: abort.signal });
    connections.push((await server.next()).connection);
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
  }
  expect(connections[1]).toBe(connections[0]);
  expect(connections[2]).not.toBe(connections[0]);
});

test("a request may be aborted because another one of its connection has just broken", async () => {
  const abort = new AbortController();
  const first = transport.request({ ...get, method: "POST" });
  const second = transport.request({ ...get, method: "POST", signal: abort.signal });
  const outcomes = Promise.allSettled([first.finally(() => abort.abort(new Error("enough"))), second]);
  await server.next();
  (await server.next()).cut();
  expect(await outcomes).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
});

test("a connection that was given up is closed when nothing runs on it any more, and with all others", async () => {
  holdTimeouts();
  const opening = transport.stream(watch);
  const open = (await server.next()).open();
  const seen = (await opening).lines[Symbol.asyncIterator]();
  const forgotten = transport.stream({ ...watch, timeoutMs: 50 });
  const unanswered = await server.next();
  vi.advanceTimersByTime(50);
  await expect(forgotten).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  await unanswered.closed;
  open.end();
  expect(await seen.next()).toEqual({ value: undefined, done: true });
  await expect.poll(() => transport.stats()).toMatchObject({ streams: 0, streamConnections: 0 });
});

describe("behind the fence", () => {
  let leads: boolean;
  let refused: number;
  let fenced: Transport;
  const write = { method: "PATCH", path: "/api/v1/namespaces/x/configmaps/y", query: { fieldManager: "yoke" } };
  const notLeader = { code: "KUBE_NOT_LEADER" };

  beforeEach(() => {
    leads = true;
    refused = 0;
    const leadership = { isLeader: () => leads, timeLeftMs: () => 7_000 };
    fenced = createTransport(server.config, { ...options(), leadership, onFenced: () => refused++ });
  });

  afterEach(() => fenced.close());

  test("a write of the leader goes out, for no longer than its Lease lasts", async () => {
    const answer = fenced.request(write);
    const request = await server.next();
    expect(request.query.toString()).toBe("fieldManager=yoke&timeout=7000ms");
    request.text(200, "");
    await answer;
    expect(refused).toBe(0);
  });

  test("a write of anyone else does not", async () => {
    leads = false;
    await expect(fenced.request(write)).rejects.toMatchObject(notLeader);
    await expect(fenced.request({ ...write, method: "DELETE" })).rejects.toMatchObject(notLeader);
    await expect(fenced.request({ ...write, method: "POST" })).rejects.toMatchObject(notLeader);
    expect([refused, server.unanswered]).toEqual([3, 0]);
  });

  test("a write is not repeated when the Lease is over in between", async () => {
    const answer = fenced.request(write);
    const first = await server.next();
    leads = false;
    first.text(503, "");
    await expect(answer).rejects.toMatchObject(notLeader);
    expect([refused, server.unanswered]).toEqual([1, 0]);
  });

  test("a write that undici sends again, because the server refused its stream, is looked at once more", async () => {
    const answer = fenced.request({ ...write, method: "POST", body: "{}" });
    const first = await server.next();
    leads = false;
    first.refuse();
    await expect(answer).rejects.toMatchObject(notLeader);
    // Comes after it on the same connection.
    server.answer = request => {
      if (request.method === "GET") request.text(200, "");
      return request.method === "GET";
    };
    await fenced.request(get);
    expect([refused, server.unanswered]).toEqual([1, 0]);
  });

  test("a write that waited for a connection is looked at once more", async () => {
    let looks = 0;
    const once = { isLeader: () => ++looks === 1, timeLeftMs: () => 7_000 };
    const late = createTransport(server.config, { ...options(), leadership: once });
    await expect(late.request(write)).rejects.toMatchObject(notLeader);
    expect([looks, server.unanswered]).toEqual([2, 0]);
    await late.close();
  });

  test("a write that waited so long that its limit reaches past the Lease is not sent", async () => {
    const left = [7_000, 5_900];
    const leadership = { isLeader: () => true, timeLeftMs: () => (left.length > 1 ? left.shift() : left[0]) ?? 0 };
    const late = createTransport(server.config, { ...options(), leadership });
    await expect(late.request(write)).rejects.toMatchObject(notLeader);
    expect(server.unanswered).toBe(0);
    await late.close();
  });

  test.each([
    ["a read", get],
    ["a trial run", { ...write, query: { dryRun: "All" } }],
    ["a question about rights", { method: "POST", path: "/apis/authorization.k8s.io/v1/subjectaccessreviews" }],
  ])("%s goes out from every replica, as it is", async (_, request) => {
    leads = false;
    const answer = fenced.request(request);
    const received = await server.next();
    expect(received.query.has("timeout")).toBe(false);
    received.text(200, "");
    await answer;
  });
});
