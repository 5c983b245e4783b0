import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type RequestOptions, request } from "node:http";
import { afterEach, expect, test } from "vitest";
import { close, listen, send } from "./httpServer.ts";

const host = "127.0.0.1";
const content = Promise.resolve({ status: 200, body: "content" });
const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

async function serve(listener?: RequestListener) {
  const server = createServer(listener ?? (async (asked, response) => send(server, asked, response, await content)));
  const port = await listen(server, { host, port: 0 });
  running.push(() => close(server, 0));
  return { server, port };
}

/** @param body what is sent of it; the request is not ended, so that the server waits for more */
async function ask(options: RequestOptions, body?: string) {
  const sent = request({ host, ...options });
  if (body === undefined) sent.end();
  else sent.write(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  sent.destroy();
  return { status: response.statusCode, headers: response.headers, text };
}

test("an answer is plain text unless it says otherwise, and leaves the connection open", async () => {
  const { port } = await serve();
  const { status, headers, text } = await ask({ port });
  expect({ status, text }).toEqual({ status: 200, text: "content" });
  expect(headers).toMatchObject({ "content-type": "text/plain; charset=utf-8", "content-length": "7" });
  expect(headers["connection"]).not.toBe("close");
});

test("HEAD gets the length without the content", async () => {
  const { port } = await serve();
  const { headers, text } = await ask({ port, method: "HEAD" });
  expect({ length: headers["content-length"], text }).toEqual({ length: "7", text: "" });
});

test("a body that nobody reads to its end ends the connection", async () => {
  const { port } = await serve();
  const { headers } = await ask({ port, method: "POST", headers: { "content-length": 100 } }, "a part");
  expect(headers["connection"]).toBe("close");
});

test("a port that is taken is told in the system's words", async () => {
  const { port } = await serve();
  await expect(listen(createServer(), { host, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("a close waits for no answer that never comes", async () => {
  const asked = Promise.withResolvers<void>();
  const { server, port } = await serve(() => asked.resolve());
  const answer = expect(ask({ port })).rejects.toMatchObject({ code: "ECONNRESET" });
  await asked.promise;
  await close(server, 0);
  await answer;
});

test("a request under way is answered before the close is done", async () => {
  const [asked, reply] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { server, port } = await serve(async (question, response) => {
    asked.resolve();
    await reply.promise;
    send(server, question, response, { status: 200, body: "late" });
  });
  const answer = ask({ port });
  await asked.promise;
  const closed = close(server, 60_000);
  reply.resolve();
  await closed;
  const { headers, text } = await answer;
  expect({ connection: headers["connection"], text }).toEqual({ connection: "close", text: "late" });
});
