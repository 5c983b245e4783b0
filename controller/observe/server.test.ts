import { afterEach, describe, expect, test } from "vitest";
import { type Check, type ObserveServer, type ServerOptions, startServer } from "./server.ts";

const running: ObserveServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function serve(options: Partial<ServerOptions> = {}): Promise<ObserveServer> {
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    ready: () => [],
    metrics: { page: async () => "atc_watches 1\n", contentType: "text/plain; version=0.0.4" },
    ...options,
  });
  running.push(server);
  return server;
}

async function get(server: ObserveServer, path: string, init?: RequestInit) {
  const response = await fetch(`http://${server.address}${path}`, init);
  return { status: response.status, body: await response.text(), type: response.headers.get("content-type") };
}

describe("health", () => {
  test("is 200 while the process lives", async () => {
    const server = await serve({ ready: () => [{ name: "watches", ok: false }] });
    expect(await get(server, "/healthz")).toMatchObject({ status: 200, body: "ok\n" });
    expect(await get(server, "/live")).toMatchObject({ status: 200, body: "" });
  });

  test("is ready when every check passes, and says which does not", async () => {
    let checks: Check[] = [
      { name: "cluster", ok: true },
      { name: "watches", ok: false, detail: "silent for 70 s" },
    ];
    const server = await serve({ ready: () => checks });
    expect(await get(server, "/readyz?verbose")).toMatchObject({
      status: 503,
      body: "[+]cluster ok\n[-]watches failed: silent for 70 s\nnot ready\n",
    });
    expect(await get(server, "/ready")).toMatchObject({ status: 503, body: "" });
    checks = [{ name: "cluster", ok: true }];
    expect(await get(server, "/readyz")).toMatchObject({ status: 200, body: "[+]cluster ok\nready\n" });
    expect(await get(server, "/ready")).toMatchObject({ status: 200, body: "" });
  });
});

describe("pages", () => {
  test("metrics keep their content type", async () => {
    expect(await get(await serve(), "/metrics")).toEqual({
      status: 200,
      body: "atc_watches 1\n",
      type: "text/plain; version=0.0.4",
    });
  });

  test("that fail are a 500, and the server goes on", async () => {
    const server = await serve({
      metrics: { page: () => Promise.reject(new Error("secret detail")), contentType: "" },
    });
    expect(await get(server, "/metrics")).toMatchObject({ status: 500, body: "the page could not be made\n" });
    expect((await get(server, "/healthz")).status).toBe(200);
  });

  test("that do not exist are a 404, and nothing can be written", async () => {
    const server = await serve();
    expect((await get(server, "/")).status).toBe(404);
    expect((await get(server, "/metrics", { method: "POST" })).status).toBe(405);
    expect(await get(server, "/healthz", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  });
});

describe("the address", () => {
  test("that is taken is named in the error", async () => {
    const { address } = await serve();
    const port = Number(address.split(":")[1]);
    await expect(serve({ port })).rejects.toMatchObject({
      code: "OBSERVE_ADDRESS_IN_USE",
      message: expect.stringContaining(address),
    });
  });

  test("of another machine is refused", async () => {
    await expect(serve({ host: "192.0.2.1" })).rejects.toMatchObject({ code: "OBSERVE_LISTEN_FAILED" });
  });
});

test("closing waits for the answer that is under way", async () => {
  let release = () => {};
  let asked = () => {};
  const gate = new Promise<void>(resolve => {
    release = resolve;
  });
  const arrived = new Promise<void>(resolve => {
    asked = resolve;
  });
  const page = async () => {
    asked();
    await gate;
    return "done\n";
  };
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    ready: () => [],
    metrics: { page, contentType: "text/plain" },
  });
  const answer = get(server, "/metrics");
  await arrived;
  const closed = server.close(60_000);
  release();
  expect((await answer).body).toBe("done\n");
  await closed;
  await expect(get(server, "/healthz")).rejects.toThrow();
});
