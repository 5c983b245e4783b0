import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { createModuleStore } from "./store.ts";
import { type Respond, webServer } from "./testing/webServer.ts";
import { maxModuleBytes } from "./unpack.ts";

const source = "export default () => '[]';";

function load(url: string) {
  const store = createModuleStore();
  onTestFinished(() => store.close());
  return store.load({ url });
}

async function served(respond: Respond, path = "/flight.js") {
  const server = await webServer(respond);
  return load(`http://${server.host}${path}`);
}

const bytes = { bytes: Buffer.from(source) };

test.each([
  ["as it is", source, {}],
  ["gzip", gzipSync(source), {}],
  ["gzip by encoding", gzipSync(source), { "content-encoding": "gzip" }],
  ["gzip in gzip", gzipSync(gzipSync(source)), { "content-encoding": "gzip" }],
])("a module is taken: %s", async (_, content, headers) => {
  const { module } = await served((_, response) => response.writeHead(200, headers).end(content));
  expect(Buffer.from(module.bytes)).toEqual(bytes.bytes);
});

test.each([
  [404, "MODULE_MISSING"],
  [410, "MODULE_MISSING"],
  [401, "MODULE_LOGIN"],
  [403, "MODULE_LOGIN"],
  [204, "MODULE_UNREACHABLE"],
  [304, "MODULE_UNREACHABLE"],
  [429, "MODULE_UNREACHABLE"],
  [500, "MODULE_UNREACHABLE"],
])("status %s is %s", async (status, code) => {
  await expect(served((_, response) => response.writeHead(status).end())).rejects.toMatchObject({ code });
});

test.each([
  ["an unknown encoding", source, { "content-encoding": "br" }, "MODULE_UNPACK"],
  ["broken gzip", gzipSync(source).subarray(0, 20), {}, "MODULE_UNPACK"],
  ["more gzip than anybody needs", gzipSync(gzipSync(gzipSync(source))), {}, "FLIGHT_BAD_MODULE"],
  ["nothing", "", {}, "FLIGHT_BAD_MODULE"],
  ["something else", new Uint8Array([0x7f, 0x45, 0, 0xff]), {}, "FLIGHT_BAD_MODULE"],
])("%s is refused", async (_, content, headers, code) => {
  const answer = served((_, response) => response.writeHead(200, headers).end(content));
  await expect(answer).rejects.toMatchObject({ code });
});

test("neither a gzip bomb nor an endless answer is taken in", async () => {
  const bomb = gzipSync(Buffer.alloc(maxModuleBytes + 1));
  await expect(served((_, response) => response.end(bomb))).rejects.toMatchObject({ code: "MODULE_TOO_LARGE" });
  const piece = Buffer.alloc(1024 * 1024);
  const endless: Respond = (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
      response.once("drain", more);
    };
    more();
  };
  await expect(served(endless)).rejects.toMatchObject({ code: "MODULE_TOO_LARGE" });
});

test("an answer that breaks off is no module", async () => {
  const respond: Respond = (_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half", () => response.destroy());
  };
  await expect(served(respond)).rejects.toMatchObject({ code: "MODULE_UNREACHABLE" });
});

test("redirects are followed, to other hosts without the login", async () => {
  const storage = await webServer((_, response) => response.end(source));
  const front = await webServer(({ path }, response) => {
    const location = path === "/flight.js" ? "/next" : `http://${storage.host}/stored`;
    response.writeHead(302, { location }).end();
  });
  const { module } = await load(`http://user:p%40ss@${front.host}/flight.js`);
  expect(Buffer.from(module.bytes)).toEqual(bytes.bytes);
  const login = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
  expect(front.asked.map(({ headers }) => headers.authorization)).toEqual([login, login]);
  expect(storage.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

test.each([
  ["in a circle", "/flight.js"],
  ["to a file", "file:///etc/passwd"],
  ["to nowhere", "http://"],
])("a redirect %s is refused", async (_, location) => {
  const answer = served((_, response) => response.writeHead(307, { location }).end());
  await expect(answer).rejects.toMatchObject({ code: "MODULE_UNREACHABLE" });
});

test("a host that is not there is told, without the login", async () => {
  const error = await load("http://user:secret@127.0.0.1:1/x?token=secret").catch((problem: Error) => problem);
  expect(error).toMatchObject({ code: "MODULE_UNREACHABLE", message: expect.stringContaining("ECONNREFUSED") });
  expect(String(error)).not.toContain("secret");
});
