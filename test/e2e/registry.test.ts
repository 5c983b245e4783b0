/** Modules from a real OCI registry, with and without logins and TLS. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { renewed } from "../../controller/admission/certificates.ts";
import { parseDockerConfig } from "../../controller/modules/dockerConfig.ts";
import { createModuleStore, type ModuleRequest } from "../../controller/modules/store.ts";
import { basicLogin, pushIndex, pushModule, type Registry, startRegistry } from "./support/registry.ts";
import { startTokenService } from "./support/tokenService.ts";

const sourceOf = (name: string) => `export default () => "${name}";`;
const [one, two] = [sourceOf("one"), sourceOf("two")];
const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** `dockerConfig`: the text of one. */
function open(dockerConfig?: unknown) {
  const docker = parseDockerConfig(JSON.stringify(dockerConfig ?? {}), "test");
  const store = createModuleStore({ dockerConfig: async () => docker });
  onTestFinished(() => store.close());
  return {
    load: (request: ModuleRequest) => store.load(request),
    async text(request: ModuleRequest) {
      return Buffer.from((await store.load(request)).module.bytes).toString();
    },
  };
}

async function started(...args: Parameters<typeof startRegistry>): Promise<Registry> {
  const registry = await startRegistry(...args);
  onTestFinished(() => registry.stop());
  return registry;
}

describe("a registry without a login", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());
  const push = (repository: string, tag: string, source: string | Uint8Array, more = {}) =>
    pushModule({ server: `http://${registry.host}`, repository, tag, source, ...more });
  const url = (name: string) => `oci://${registry.host}/${name}`;

  test("gives modules by tag, by digest, and the latest", async () => {
    const digest = await push("team/plain", "v1", one);
    await push("team/plain", "latest", two);
    const store = open();
    expect(await store.text({ url: url("team/plain:v1") })).toBe(one);
    expect(await store.text({ url: url("team/plain") })).toBe(two);
    expect(await store.text({ url: url(`team/plain@${digest}`) })).toBe(one);
    expect(await store.text({ url: url(`team/plain:latest@${digest}`) })).toBe(one);
    expect((await store.load({ url: url(`team/plain@${digest}`) })).lookAgainMs).toBeUndefined();
  });

  test("gives WebAssembly as yoke pushes it", async () => {
    await push("wasm", "v1", wasm, { layerType: "application/vnd.yoke.wasm.gzip" });
    const { module } = await open().load({ url: url("wasm:v1") });
    expect([module.kind, Buffer.from(module.bytes)]).toEqual(["wasm", Buffer.from(wasm)]);
  });

  test("a tag that moves is followed, one that is a version is told", async () => {
    await push("moving", "latest", one);
    await push("moving", "v1", one);
    const store = open();
    const pinned = (await store.load({ url: url("moving:v1") })).module.digest;
    expect(await store.text({ url: url("moving") })).toBe(one);
    const unchanged = await store.load({ url: url("moving"), fresh: true });
    expect(unchanged.problem).toBeUndefined();
    await push("moving", "latest", two);
    await push("moving", "v1", two);
    expect(await store.text({ url: url("moving"), fresh: true })).toBe(two);
    const version = await store.load({ url: url("moving:v1"), pinned, fresh: true });
    expect([version.module.digest, version.problem?.code]).toEqual([pinned, "MODULE_CHANGED"]);
  });

  test("a checksum in the tag is checked", async () => {
    const right = createHash("sha256").update(one).digest("hex");
    await push("summed", `sha256_${right}`, one);
    await push("summed", `sha256_${"0".repeat(64)}`, one);
    const store = open();
    expect(await store.text({ url: url(`summed:sha256_${right}`) })).toBe(one);
    const wrong = store.load({ url: url(`summed:sha256_${"0".repeat(64)}`) });
    await expect(wrong).rejects.toMatchObject({ code: "MODULE_CHECKSUM" });
  });

  test("of an index, the first manifest that is a module is taken", async () => {
    const target = { server: `http://${registry.host}`, repository: "index" };
    const image = await push("index", "image", one, { configType: "application/vnd.oci.image.config.v1+json" });
    const module = await push("index", "module", two);
    await pushIndex(target, "both", [image, module]);
    await pushIndex(target, "none", [image]);
    expect(await open().text({ url: url("index:both") })).toBe(two);
    await expect(open().load({ url: url("index:none") })).rejects.toMatchObject({ code: "MODULE_ARTIFACT" });
  });

  test("what is not there, or no module, is told", async () => {
    await push("image", "v1", one, { configType: "application/vnd.oci.image.config.v1+json" });
    await push("layer", "v1", one, { layerType: "application/vnd.oci.image.layer.v1.tar+gzip" });
    const store = open();
    for (const name of ["nowhere:v1", "image:v2", `image@sha256:${"0".repeat(64)}`]) {
      await expect(store.load({ url: url(name) })).rejects.toMatchObject({ code: "MODULE_MISSING" });
    }
    for (const name of ["image:v1", "layer:v1"]) {
      await expect(store.load({ url: url(name) })).rejects.toMatchObject({ code: "MODULE_ARTIFACT" });
    }
  });
});

test("a registry with a password is entered with the Docker config, and with nothing else", async () => {
  const registry = await started({ htpasswd: true });
  const target = { server: `http://${registry.host}`, repository: "private/mod", authorization: basicLogin };
  await pushModule({ ...target, tag: "v1", source: one });
  const url = `oci://${registry.host}/private/mod:v1`;
  const auth = basicLogin.slice("Basic ".length);
  for (const key of [registry.host, `https://${registry.host}/v1/`, `${registry.host}/private`]) {
    expect(await open({ auths: { [key]: { auth } } }).text({ url })).toBe(one);
  }
  expect(await open({ auths: { [registry.host]: { username: "ali", password: "open sesame" } } }).text({ url })).toBe(
    one,
  );
  for (const config of [
    {},
    { auths: { "other.example": { auth } } },
    { auths: { [`${registry.host}/other`]: { auth } } },
  ]) {
    await expect(open(config).load({ url })).rejects.toThrow(/there is none for 127/);
  }
  const wrong = open({ auths: { [registry.host]: { username: "ali", password: "guess" } } }).load({ url });
  await expect(wrong).rejects.toMatchObject({ code: "MODULE_LOGIN", message: expect.not.stringContaining("guess") });
  const helper = open({ credHelpers: { [registry.host]: "cloud" } }).load({ url });
  await expect(helper).rejects.toThrow(/credential helper "cloud", which is not run here/);
});

test("a registry with a token service is entered by its challenge", async () => {
  const tokens = await startTokenService();
  onTestFinished(tokens.close);
  const registry = await started({ token: tokens.settings });
  const repository = "private/mod";
  const authorization = `Bearer ${tokens.tokenFor(repository)}`;
  await pushModule({ server: `http://${registry.host}`, repository, authorization, tag: "v1", source: one });
  const url = `oci://${registry.host}/${repository}:v1`;
  const auth = basicLogin.slice("Basic ".length);
  expect(await open({ auths: { [registry.host]: { auth } } }).text({ url })).toBe(one);
  const registrytoken = tokens.tokenFor(repository);
  expect(await open({ auths: { [registry.host]: { registrytoken } } }).text({ url })).toBe(one);
  await expect(open().load({ url })).rejects.toMatchObject({ code: "MODULE_LOGIN" });
});

test("a registry whose certificate nobody vouches for is taken when that is allowed", async () => {
  const certificates = await renewed(undefined, ["127.0.0.1"], Date.now());
  if (certificates === undefined) throw new Error("no certificates");
  const { certificate, key } = certificates;
  const registry = await started({ tls: { certificate, key } });
  const url = `oci://${registry.host}/mod:v1`;
  await expect(open().load({ url })).rejects.toMatchObject({ code: "MODULE_UNREACHABLE" });
  // Nothing is in it, which is said over TLS.
  await expect(open().load({ url, insecure: true })).rejects.toMatchObject({ code: "MODULE_MISSING" });
});
