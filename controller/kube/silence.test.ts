import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeApiServer } from "./testing/fakeApiServer.ts";
import { createTransport } from "./transport.ts";

let server: FakeApiServer;

const options = { h2c: true, pingIntervalMs: 5_000 };
const get = { method: "GET", path: "/version" };
const watch = { method: "GET", path: "/api/v1/pods" };

beforeEach(async () => {
  // Looks at connections pass when the test says so: a busy machine is silent, too.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  server = await FakeApiServer.start();
});

afterEach(async () => {
  vi.useRealTimers();
  await server.kill();
});

/** Has a connection fall silent for three pings, and waits until that is noticed. */
async function cutOfSilence(): Promise<void> {
  const proxy = await freezableProxy(server.port);
  const config = { ...server.config, server: `http://127.0.0.1:${proxy.port}` };
  const pinging = createTransport(config, options);
  const opening = pinging.stream(watch);
  (await server.next()).open();
  const seen = (await opening).lines[Symbol.asyncIterator]();
  const line = seen.next();
  proxy.freeze();
  vi.advanceTimersByTime(15_000);
  await expect(line).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE", message: expect.stringContaining("pings") });
  const answer = pinging.request(get);
  (await server.next()).text(200, "alive");
  expect((await answer).body).toBe("alive");
  await pinging.close();
  proxy.close();
}

test("a silent connection is cut, and the next one works", () => cutOfSilence());

test("a connection on which the server wants nothing new is kept for what runs there, however silent", async () => {
  const pinging = createTransport(server.config, options);
  const opening = pinging.stream(watch);
  const first = await server.next();
  const open = first.open();
  const seen = (await opening).lines[Symbol.asyncIterator]();
  const line = seen.next();
  await first.goAway();
  // It was silent for longer than those that are cut.
  for (let round = 0; round < 2; round++) await cutOfSilence();
  open.raw("still here\n");
  expect(await line).toEqual({ value: "still here", done: false });
  await pinging.close();
});

test("a connection without pings, as of HTTP/1.1, is kept, however silent", async () => {
  const held = Promise.withResolvers<ServerResponse>();
  const old = createHttpServer((_, response) => {
    response.flushHeaders();
    held.resolve(response);
  });
  await new Promise<void>(resolve => old.listen(0, "127.0.0.1", resolve));
  const config = { ...server.config, server: `http://127.0.0.1:${(old.address() as AddressInfo).port}` };
  const pinging = createTransport(config, { ...options, h2c: false });
  const seen = (await pinging.stream(watch)).lines[Symbol.asyncIterator]();
  const line = seen.next();
  for (let round = 0; round < 2; round++) await cutOfSilence();
  (await held.promise).end("still here\n");
  expect(await line).toEqual({ value: "still here", done: false });
  await pinging.close();
  old.close();
});

/** Forwards TCP. `freeze` leaves the present connections open and forwards nothing more on them: half-open sockets. */
async function freezableProxy(target: number): Promise<{ port: number; freeze: () => void; close: () => void }> {
  const sockets = new Set<Socket>();
  const proxy = createServer(near => {
    const far = connect(target, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>(resolve => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
