import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { configType, layerTypes } from "./artifact.ts";
import { parseDockerConfig } from "./dockerConfig.ts";
import { createModuleStore } from "./store.ts";
import { type Asked, type WebServer, webServer } from "./testing/webServer.ts";

/** What a real registry does is tested in test/e2e/registry.test.ts; these are the ones that do not do what they should. */

const source = gzipSync("export default () => '[]';");
const digestOf = (content: Uint8Array | string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

function manifestOf(layer: Record<string, unknown> = {}): string {
  const layers = [{ mediaType: layerTypes[1], digest: digestOf(source), size: source.length, ...layer }];
  return JSON.stringify({ config: { mediaType: configType }, layers });
}

interface Behaviour {
  readonly manifest?: string;
  readonly blob?: Uint8Array;
  /** Whether it has answered. */
  before?(asked: Asked, response: ServerResponse): boolean;
}

function registry({ manifest = manifestOf(), blob = source, before = () => false }: Behaviour): Promise<WebServer> {
  return webServer((asked, response) => {
    if (before(asked, response)) return;
    response.end(asked.path.includes("/manifests/") ? manifest : blob);
  });
}

function pull({ host }: WebServer, { reference = ":v1", docker = {} as unknown } = {}) {
  const config = parseDockerConfig(JSON.stringify(docker), "test");
  const store = createModuleStore({ dockerConfig: async () => config });
  onTestFinished(() => store.close());
  return store.load({ url: `oci://${host}/mod${reference}` });
}

test("a registry that keeps to no more than it must is enough", async () => {
  expect((await pull(await registry({}))).module.kind).toBe("javascript");
});

test.each<[name: string, behaviour: Behaviour, reference: string, says: RegExp]>([
  ["another blob", { blob: Buffer.from("x") }, ":v1", /its layer is not what sha256:/],
  ["another manifest", {}, `@sha256:${"0".repeat(64)}`, /its manifest has digest sha256:/],
  ["a layer without a digest", { manifest: manifestOf({ digest: "../../secret" }) }, ":v1", /no sha256 digest/],
  ["no JSON", { manifest: "<html>" }, ":v1", /its manifest is not JSON/],
  ["no manifest", { manifest: "[]" }, ":v1", /its manifest is broken/],
  [
    "an index that follows a tag",
    { manifest: '{"manifests":[{"mediaType":"","digest":"v1","size":1}]}' },
    ":v1",
    /without a sha256/,
  ],
  ["an empty index", { manifest: '{"manifests":[]}' }, ":v1", /its index is empty/],
])("%s is refused", async (_, behaviour, reference, says) => {
  const error = await pull(await registry(behaviour), { reference }).catch((problem: Error) => problem);
  expect(error).toMatchObject({ code: "MODULE_ARTIFACT", message: expect.stringMatching(says) });
});

test("a layer that says it is too large is not fetched", async () => {
  const server = await registry({ manifest: manifestOf({ size: 1e12 }) });
  await expect(pull(server)).rejects.toMatchObject({ code: "MODULE_TOO_LARGE" });
  expect(server.asked.filter(({ path }) => path.includes("/blobs/"))).toEqual([]);
});

const docker = (host: string) => ({ auths: { [host]: { auth: "c2VjcmV0", identitytoken: "identity" } } });

test.each([
  ["none", undefined],
  ["an unknown kind", "Negotiate"],
  ["no address", 'Bearer service="x"'],
  ["an address that is none", 'Bearer realm="file:///etc/passwd"'],
])("a challenge with %s gets no login", async (_, challenge) => {
  const server = await registry({
    before: (_, response) => {
      response.writeHead(401, challenge === undefined ? {} : { "www-authenticate": challenge }).end();
      return true;
    },
  });
  await expect(pull(server, { docker: docker(server.host) })).rejects.toMatchObject({
    code: expect.stringMatching(/^MODULE_(LOGIN|UNREACHABLE)$/),
  });
  expect(server.asked.map(({ headers }) => headers.authorization)).not.toContain("Basic c2VjcmV0");
});

test("an identity token is exchanged for one of the registry", async () => {
  const tokens = await webServer(({ method }, response) => {
    response.end(JSON.stringify(method === "POST" ? { access_token: "fresh" } : {}));
  });
  const server = await registry({
    before: ({ headers }, response) => {
      if (headers.authorization === "Bearer fresh") return false;
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${tokens.host}/t",service="s"` }).end();
      return true;
    },
  });
  expect((await pull(server, { docker: docker(server.host) })).module.kind).toBe("javascript");
  expect(tokens.asked.map(({ method }) => method)).toEqual(["POST"]);
});

test("a login goes neither where storage asks for it nor where a token service leads", async () => {
  const elsewhere = await webServer(({ path }, response) => {
    const realm = `Bearer realm="http://${elsewhere.host}/t"`;
    if (path === "/t") response.end('{"token":"x"}');
    else response.writeHead(401, { "www-authenticate": realm }).end();
  });
  const leading = await registry({
    before: (_, response) => {
      response.writeHead(307, { location: `http://${elsewhere.host}/stored` }).end();
      return true;
    },
  });
  const basic = { auths: { [leading.host]: { auth: "c2VjcmV0" } } };
  await expect(pull(leading, { docker: basic })).rejects.toMatchObject({ code: "MODULE_LOGIN" });
  const asking = await registry({
    before: ({ path }, response) => {
      if (path === "/t") response.writeHead(307, { location: `http://${elsewhere.host}/t` }).end();
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${asking.host}/t"` }).end();
      return true;
    },
  });
  await expect(pull(asking, { docker: docker(asking.host) })).rejects.toMatchObject({ code: "MODULE_UNREACHABLE" });
  expect(elsewhere.asked.map(({ path }) => path)).not.toContain("/t");
});

test("a token service in trouble is tried again, one that says no is told", async () => {
  const answers = [500, 403];
  const tokens = await webServer((_, response) => response.writeHead(answers.shift() ?? 200).end());
  const challenge = { "www-authenticate": `Bearer realm="http://${tokens.host}/t"` };
  const before: Behaviour["before"] = (_, response) => {
    response.writeHead(401, challenge).end();
    return true;
  };
  const server = await registry({ before });
  for (const code of ["MODULE_UNREACHABLE", "MODULE_LOGIN", "MODULE_LOGIN"]) {
    await expect(pull(server)).rejects.toMatchObject({ code });
  }
});

test("any manifest ends in a module or a coded error", async () => {
  let manifest = "";
  const server = await webServer(({ path }, response) => response.end(path.includes("/blobs/") ? source : manifest));
  const field = (value: fc.Arbitrary<unknown>) => fc.oneof(fc.anything(), value);
  const descriptor = fc.record(
    {
      mediaType: field(fc.constantFrom(...layerTypes, configType)),
      digest: field(fc.constant(digestOf(source))),
      size: field(fc.nat()),
    },
    { requiredKeys: [] },
  );
  const body = fc.record(
    {
      config: field(descriptor),
      layers: field(fc.array(descriptor)),
      manifests: field(fc.array(descriptor, { maxLength: 2 })),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        body.map(value => JSON.stringify(value)),
        fc.string(),
      ),
      async text => {
        manifest = text;
        const store = createModuleStore();
        try {
          await store.load({ url: `oci://${server.host}/mod` });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^MODULE_/) });
        } finally {
          await store.close();
        }
      },
    ),
    { numRuns: 60 },
  );
});
