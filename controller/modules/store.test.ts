import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { parseVerificationKeys } from "./signature.ts";
import { createModuleStore, type ModuleStore, type ModuleStoreOptions } from "./store.ts";
import { publicPem, signModule } from "./testing/sign.ts";
import { webServer } from "./testing/webServer.ts";

const sourceOf = (name: string) => `export default () => "${name}";`;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
const [one, two] = [sourceOf("one"), sourceOf("two")];

function open(options: ModuleStoreOptions = {}): ModuleStore {
  const store = createModuleStore(options);
  onTestFinished(() => store.close());
  return store;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "modules-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** Serves `content` with an ETag; "down" answers 503. */
async function publisher(content = one) {
  const state = { content };
  const server = await webServer(({ headers }, response) => {
    const etag = `"${sha1(state.content)}"`;
    if (state.content === "down") response.writeHead(503).end();
    else if (headers["if-none-match"] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end(state.content);
  });
  return { state, server, url: `http://${server.host}/flight.js` };
}

const textOf = async (store: ModuleStore, request: Parameters<ModuleStore["load"]>[0]) =>
  Buffer.from((await store.load(request)).module.bytes).toString();

test("a file is read, unpacked, and noticed when it changes", async () => {
  const path = join(folder(), "flight.js");
  writeFileSync(path, one);
  const store = open();
  expect(await textOf(store, { url: path })).toBe(one);
  writeFileSync(path, gzipSync(`${two} `));
  const loaded = await store.load({ url: `file://${path}`, fresh: true });
  expect(loaded).toMatchObject({ module: { digest: sha256(`${two} `) }, problem: undefined });
  expect(await textOf(store, { url: path, fresh: true })).toBe(`${two} `);
  await expect(store.load({ url: `${path}.gone` })).rejects.toMatchObject({ code: "MODULE_MISSING" });
});

test.each(["/dev/zero", "/dev/stdin", "/", "pipe"])("%s is no module, and nobody waits for its end", async name => {
  const path = name === "pipe" ? join(folder(), name) : name;
  if (name === "pipe") execFileSync("mkfifo", [path]);
  await expect(open().load({ url: path })).rejects.toMatchObject({ code: "MODULE_MISSING" });
});

test("nothing is told of a file that is no flight", async () => {
  const path = join(folder(), "token");
  writeFileSync(path, "hunter2");
  const error = await open()
    .load({ url: path })
    .catch((problem: Error) => problem);
  expect(error).toMatchObject({ code: "MODULE_ARTIFACT", message: expect.not.stringContaining("hunter2") });
});

test("a ConfigMap is read by the caller's function", async () => {
  const store = open();
  const url = "configmap://ns/name/flight.js";
  const readConfigMap = async ({ key }: { key: string }) => (key === "flight.js" ? Buffer.from(one) : undefined);
  expect(await textOf(store, { url, readConfigMap })).toBe(one);
  await expect(store.load({ url })).rejects.toMatchObject({ code: "MODULE_MISSING" });
  const wrong = store.load({ url, readConfigMap, checksum: "x" });
  await expect(wrong).rejects.toThrow(
    `cannot verify module against expected checksum: wanted "x" but got "${sha256(one)}"`,
  );
});

test("a download is asked for once by all who wait, kept, and asked again when it is time", async () => {
  const { server, url, state } = await publisher();
  let now = 0;
  const looks: string[] = [];
  const onLook: ModuleStoreOptions["onLook"] = ({ source, result }) => looks.push(`${source} ${result}`);
  const store = open({ refreshMs: 1000, now: () => now, onLook });
  const loads = await Promise.all([
    store.load({ url }),
    store.load({ url }),
    store.load({ url, checksum: sha256(one) }),
  ]);
  expect(new Set(loads.map(({ module }) => module)).size).toBe(1);
  expect(loads[0]?.lookAgainMs).toBe(1000);
  await store.load({ url });
  expect(server.asked).toHaveLength(1);

  now = 1000;
  await store.load({ url });
  expect(server.asked).toHaveLength(2);
  state.content = two;
  expect(await textOf(store, { url })).toBe(one);
  expect(await textOf(store, { url, fresh: true })).toBe(two);
  state.content = "down";
  await store.load({ url, fresh: true });
  expect(looks).toEqual(["http fetched", "http unchanged", "http fetched", "http failed"]);
});

test("what is loaded is kept where the source does not answer, and told", async () => {
  const { state, url } = await publisher();
  const store = open();
  await store.load({ url });
  state.content = "down";
  const { module, problem, lookAgainMs } = await store.load({ url, fresh: true });
  expect(module.digest).toBe(sha256(one));
  expect(problem).toMatchObject({ code: "MODULE_UNREACHABLE" });
  expect(lookAgainMs).toBeLessThanOrEqual(30_000);
  state.content = two;
  expect(await textOf(store, { url, fresh: true })).toBe(two);
});

test("a download that failed is not remembered", async () => {
  const { state, url } = await publisher("down");
  const store = open();
  await expect(store.load({ url })).rejects.toMatchObject({ code: "MODULE_UNREACHABLE" });
  state.content = one;
  expect(await textOf(store, { url })).toBe(one);
});

test("a newer module that is no good does not take the former one away", async () => {
  const { state, url } = await publisher();
  const cacheFolder = folder();
  const prove = async ({ digest }: { digest: string }) => {
    if (digest === sha256(two)) throw new Error("does not compile");
  };
  const store = open({ cacheFolder, prove });
  await store.load({ url });
  for (const bad of [two, "\0", " "]) {
    state.content = bad;
    expect(await textOf(store, { url, fresh: true })).toBe(one);
  }
  // Nor after a restart.
  await store.close();
  state.content = two;
  const restarted = open({ cacheFolder, prove });
  expect(await textOf(restarted, { url })).toBe(one);
  expect(await textOf(restarted, { url, fresh: true })).toBe(one);
});

test("a pinned URL gives nothing else than before, unless the checksum names it", async () => {
  const { state, url } = await publisher();
  const store = open();
  const pinned = (await store.load({ url })).module.digest;
  state.content = two;
  const { module, problem } = await store.load({ url, pinned, fresh: true });
  expect(module.digest).toBe(pinned);
  expect(problem?.message).toBe(`module "${url}" has changed since last use`);
  expect(await textOf(store, { url, pinned, checksum: sha256(two) })).toBe(two);
  // One who begins with it gets what is there.
  expect(await textOf(store, { url })).toBe(two);
  await expect(open().load({ url, pinned })).rejects.toMatchObject({ code: "MODULE_CHANGED" });
});

test("checksums are checked on each load, also of what is held already", async () => {
  const { server, url } = await publisher();
  const store = open();
  await store.load({ url });
  await expect(store.load({ url, checksum: "applebottomjeans" })).rejects.toThrow(
    'cannot verify module against expected checksum: wanted "applebottomjeans"',
  );
  expect(await textOf(store, { url, checksum: sha256(one).toUpperCase() })).toBe(one);
  const named = `http://${server.host}/flight_sha256_${sha256(two)}.js`;
  await expect(store.load({ url: named })).rejects.toMatchObject({ code: "MODULE_CHECKSUM" });
  expect(await textOf(store, { url: named, checksum: sha256(one) })).toBe(one);
});

test("allow-list and signatures both count, whatever is held already", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { state, url, server } = await publisher();
  const keys = parseVerificationKeys(JSON.stringify([publicPem(privateKey)]), "keys.json");
  const cacheFolder = folder();
  const unchecked = open({ cacheFolder });
  await unchecked.load({ url });
  await unchecked.close();

  const store = open({ keys, cacheFolder, allowList: [`http://${server.host}/*`] });
  await expect(store.load({ url })).rejects.toThrow("failed to verify module: module is unsigned");
  state.content = Buffer.from(signModule(Buffer.from(one), privateKey)).toString();
  expect(await textOf(store, { url, fresh: true })).toContain(one);
  const other = `http://user:secret@${server.host}/other/flight.js`;
  expect([store.allowed(url), store.allowed(other)]).toEqual([true, false]);
  await expect(store.load({ url: other })).rejects.toThrow(
    `module "http://***@${server.host}/other/flight.js" not allowed`,
  );
  await expect(store.load({ url: "configmap://a/b/c" })).rejects.toThrow('module "configmap://a/b/c" not allowed');
});

test("a restart needs no network, and asks afterwards", async () => {
  const { server, url, state } = await publisher();
  const cacheFolder = folder();
  const first = open({ cacheFolder });
  await first.load({ url });
  await first.close();
  const packed = readFileSync(join(cacheFolder, sha1(url)));
  expect(gunzipSync(packed).toString()).toBe(one);

  state.content = "down";
  let now = 0;
  const second = open({ cacheFolder, now: () => now });
  const { lookAgainMs } = await second.load({ url });
  expect([lookAgainMs, server.asked.length]).toEqual([1000, 1]);
  state.content = one;
  now = 1000;
  await second.load({ url });
  expect(server.asked[1]?.headers["if-none-match"]).toBe(`"${sha1(one)}"`);
});

test("a file of the cache that was tampered with is fetched anew; one of yoke's is taken", async () => {
  const { server, url } = await publisher();
  const cacheFolder = folder();
  const first = open({ cacheFolder });
  await first.load({ url });
  await first.close();
  const file = join(cacheFolder, sha1(url));
  for (const content of [gzipSync(two), gzipSync(one).subarray(0, 20), "", "junk"]) {
    writeFileSync(file, content);
    const store = open({ cacheFolder });
    expect(await textOf(store, { url })).toBe(one);
    // With its writes.
    await store.close();
  }
  expect(server.asked).toHaveLength(5);
  rmSync(`${file}.json`, { force: true });
  writeFileSync(file, gzipSync(two));
  expect(await textOf(open({ cacheFolder }), { url })).toBe(two);
});

test("a cache that cannot be written costs nothing but the cache", async () => {
  const { url } = await publisher();
  const errors: unknown[] = [];
  const file = join(folder(), "file");
  writeFileSync(file, "");
  const store = open({ cacheFolder: file, onCacheError: error => errors.push(error) });
  expect(await textOf(store, { url })).toBe(one);
  await store.close();
  expect(errors).toHaveLength(1);
});

test("the cache keeps what was used last", async () => {
  const { server } = await publisher();
  const cacheFolder = folder();
  const store = open({ cacheFolder });
  for (let at = 0; at < 140; at++) await store.load({ url: `http://${server.host}/${at}` });
  await store.close();
  const kept = readdirSync(cacheFolder).filter(name => !name.endsWith(".json"));
  expect(kept.length).toBeLessThanOrEqual(128);
  expect(kept).toContain(sha1(`http://${server.host}/139`));
});

test("who gives up does not take the download from others; closing ends it", async () => {
  const arrived = Promise.withResolvers<void>();
  const server = await webServer(() => arrived.resolve());
  const store = open();
  const url = `http://${server.host}/slow`;
  const giveUp = new AbortController();
  const [impatient, patient] = [store.load({ url, signal: giveUp.signal }), store.load({ url })];
  await arrived.promise;
  giveUp.abort(new Error("enough"));
  await expect(impatient).rejects.toThrow("enough");
  expect(server.asked).toHaveLength(1);
  await Promise.all([expect(patient).rejects.toMatchObject({ code: "MODULE_STORE_CLOSED" }), store.close()]);
});

test("a server that is silent is given up", async () => {
  const server = await webServer(() => undefined);
  const load = open({ timeoutMs: 50 }).load({ url: `http://${server.host}/silent` });
  await expect(load).rejects.toMatchObject({ code: "MODULE_UNREACHABLE", message: expect.stringContaining("0.05 s") });
});
