/** Airways whose flights come from a registry or a web server: what is rendered when what is published changes. */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { publicPem, signModule } from "../../controller/modules/testing/sign.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { basicLogin, pushModule, type Registry, startRegistry } from "./support/registry.ts";
import { conditionOf, World } from "./support/world.ts";

const kubeconfig = inject("kubeconfig");
const world = new World(kubeconfig, "modules");
const folder = mkdtempSync(join(tmpdir(), "e2e-modules-"));
let registry: Registry;
let atc: Atc | undefined;

/** Renders a ConfigMap that tells which flight made it. */
const flight = (name: string) => `export default ({ stdin }) => JSON.stringify([{
  apiVersion: "v1", kind: "ConfigMap", metadata: { name: JSON.parse(stdin).metadata.name }, data: { by: "${name}" },
}]);`;

/** Ends the controller of the test before. */
async function start(env: Readonly<Record<string, string>> = {}): Promise<Atc> {
  await atc?.kill("SIGTERM");
  atc = await startAtc({ kubeconfig, env: { CACHE_FS: folder, MODULE_REFRESH_INTERVAL: "1s", ...env } });
  return atc;
}

beforeAll(async () => {
  registry = await startRegistry();
  await start();
  await world.open();
});
afterEach(async () => {
  await start();
});
afterAll(async () => {
  await world.close();
  await atc?.kill("SIGTERM");
  await registry.stop();
  rmSync(folder, { recursive: true });
});

const push = (repository: string, tag: string, source: string | Uint8Array) =>
  pushModule({ server: `http://${registry.host}`, repository, tag, source });
const urlOf = (name: string) => `oci://${registry.host}/${name}`;

/** Asks for an Airway, which need not come to serve. */
const applyAirway = (kind: string, url: string, more = {}) =>
  world.applyAirway({ kind, flight: "", spec: { wasmUrls: { flight: url, ...more } } });

async function serving(kind: string, url: string): Promise<string> {
  const airway = await applyAirway(kind, url);
  await world.ready(world.airwayRef(airway));
  world.client.discovery.invalidate(`${world.group}/v1`);
  return airway;
}

function renderedBy(name: string, by: string): Promise<void> {
  return eventually(`${name} is rendered by ${by}`, async () => {
    expect((await world.get(world.configMap(name)))["data"]).toEqual({ by });
  });
}

function told(airway: string, says: RegExp, status: string): Promise<unknown> {
  return eventually(`${airway} says ${says}`, async () => {
    const condition = conditionOf(await world.get(world.airwayRef(airway)));
    expect(condition).toMatchObject({ status, message: expect.stringMatching(says) });
  });
}

test("a tag that moves renders the instances again; a module that is none does not", async () => {
  await push("moving", "latest", flight("one"));
  const airway = await serving("Moving", urlOf("moving"));
  await world.instance("Moving", "moving");
  await renderedBy("moving", "one");
  await push("moving", "latest", flight("two"));
  await renderedBy("moving", "two");
  await push("moving", "latest", "\0");
  await told(airway, /with flight sha256:.*; .*neither JavaScript.*\(FLIGHT_BAD_MODULE\)/, "True");
  // Also for those who come later, and after a restart.
  await world.instance("Moving", "later");
  await renderedBy("later", "two");
  const looks = (result: string) => atc?.metric("atc_module_looks_total", { source: "oci", result });
  for (const result of ["fetched", "failed"]) expect(await looks(result)).toBeGreaterThan(0);
  expect(await atc?.metric("atc_module_loads_total", { result: "newest" })).toBeGreaterThan(0);
  await start();
  await world.instance("Moving", "latest");
  await renderedBy("latest", "two");
});

test("what must not change is told and not used, also without the cache, until a checksum asks for it", async () => {
  await push("fixed", "v1.0.0", flight("one"));
  const airway = await serving("Fixed", urlOf("fixed:v1.0.0"));
  await world.instance("Fixed", "fixed");
  await push("fixed", "v1.0.0", flight("two"));
  await told(airway, /fixed:v1.0.0" has changed since last use \(MODULE_CHANGED\)/, "True");
  await renderedBy("fixed", "one");
  // Another machine has no cache, and the cluster remembers.
  await start({ CACHE_FS: join(folder, "empty") });
  await told(airway, /^module ".*fixed:v1.0.0" has changed since last use \(MODULE_CHANGED\)/, "False");
  await renderedBy("fixed", "one");
  const { flightChecksum } = await world.publish("unused", flight("two"));
  await applyAirway("Fixed", urlOf("fixed:v1.0.0"), { flightChecksum });
  await renderedBy("fixed", "two");
});

test("a wrong checksum is the Airway's fault, and the former spec goes on", async () => {
  await push("summed", "v1", flight("one"));
  await serving("Summed", urlOf("summed:v1"));
  const airway = await applyAirway("Summed", urlOf("summed:v1"), { flightChecksum: "applebottomjeans" });
  await told(airway, /cannot verify module against expected checksum: wanted "applebottomjeans" but got/, "False");
  await world.instance("Summed", "summed");
  await renderedBy("summed", "one");
});

test("only what is allowed and signed is used", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const keys = join(folder, "keys.json");
  writeFileSync(keys, JSON.stringify([publicPem(privateKey)]));
  await start({ MODULE_ALLOW_LIST: `${urlOf("allowed")}/*`, MODULE_VERIFICATION_KEYS_PATH: keys });
  await push("allowed/mod", "latest", flight("unsigned"));
  await push("other/mod", "latest", signModule(Buffer.from(flight("other")), privateKey));
  const airway = await applyAirway("Allowed", urlOf("other/mod"));
  await told(airway, /^module "oci:.*other\/mod" not allowed \(MODULE_NOT_ALLOWED\)$/, "False");
  await applyAirway("Allowed", urlOf("allowed/mod"));
  await told(airway, /^failed to verify module: module is unsigned \(MODULE_UNSIGNED\)$/, "False");
  await push("allowed/mod", "latest", signModule(Buffer.from(flight("signed")), privateKey));
  // It is tried again by itself, and here at once.
  await world.merge(world.airwayRef(airway), { spec: { timeout: "9s" } });
  await world.ready(world.airwayRef(airway));
  world.client.discovery.invalidate(`${world.group}/v1`);
  await world.instance("Allowed", "allowed");
  await renderedBy("allowed", "signed");
});

test("a login comes from the Secret, as long as it is there", async () => {
  const locked = await startRegistry({ htpasswd: true });
  onTestFinished(() => locked.stop());
  const server = `http://${locked.host}`;
  const pushed = { server, repository: "mod", tag: "v1", source: flight("private"), authorization: basicLogin };
  await pushModule(pushed);
  await start({ DOCKER_CONFIG_SECRET_NAME: "logins", SVC_NAMESPACE: world.namespace });
  const airway = await applyAirway("Private", `oci://${locked.host}/mod:v1`);
  await told(airway, /there is none for 127\.0\.0\.1.*\(MODULE_LOGIN\)/, "False");

  const config = JSON.stringify({ auths: { [locked.host]: { auth: basicLogin.slice("Basic ".length) } } });
  const metadata = { name: "logins", namespace: world.namespace };
  const data = { ".dockerconfigjson": Buffer.from(config).toString("base64") };
  await world.apply({ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson", metadata, data });
  await eventually("the login is used", async () => {
    // Each change of the spec looks at once.
    await world.merge(world.airwayRef(airway), { spec: { timeout: `${5 + (Date.now() % 1000)}s` } });
    expect(conditionOf(await world.get(world.airwayRef(airway)))).toMatchObject({ status: "True" });
  });
  await world.delete(world.ref("v1", "Secret", "logins"));
  await told(airway, /with flight sha256:.*\(MODULE_LOGIN\)/, "True");
  expect(atc?.logs()).not.toContain(basicLogin.slice("Basic ".length));
});

test("a restart needs neither registry nor web server", async () => {
  let published = flight("web");
  const web = createServer((_, response) => response.end(published));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/flight.js`;
  const airway = await serving("Web", url);
  await world.instance("Web", "web");
  published = flight("changed");
  await told(airway, /flight\.js" has changed since last use/, "True");
  web.closeAllConnections();
  web.close();
  await start();
  await told(airway, /with flight sha256:.*ECONNREFUSED.*\(MODULE_UNREACHABLE\)/, "True");
  await world.instance("Web", "offline");
  await renderedBy("offline", "web");
});
