/** Flight and ClusterFlight: one release without a kind of its own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("flights");
const flight = (name: string) => stage.ref("yoke.cd/v1alpha1", "Flight", name);
const basic = flight("basic");

beforeAll(async () => {
  await stage.open();
  for (const name of ["foo", "bar"]) await stage.namespaceOf(name);
});
afterAll(() => stage.close());

const hasData = (name: string, data: Readonly<Record<string, string>>) =>
  eventually(`ConfigMap ${name} follows`, async () =>
    expect((await stage.get(stage.configMap(name)))["data"]).toEqual(data),
  );

test("C49 a Flight is rendered from its input", async () => {
  await stage.put(basic, { wasmUrl: await stage.url("basic"), insecure: true, input: '{"hello":"world"}' });
  await hasData("basic", { hello: "world" });
});

test("C50 a changed input is rendered again, and the inventory lists the release", async () => {
  await stage.merge(basic, { spec: { input: '{"hello":"42"}' } });
  await hasData("basic", { hello: "42" });
  const inventory = [{ resource: `${stage.namespace}/ConfigMap:basic`, version: "v1", ready: true }];
  await eventually("the inventory", async () =>
    expect((await stage.get(basic))["status"]).toEqual(expect.objectContaining({ inventory })),
  );
});

test("C51 a Flight takes its release along", async () => {
  await stage.delete(basic);
  await stage.gone(stage.configMap("basic"));
  await stage.gone(basic);
});

test("C52 a Flight may not render into other namespaces", async () => {
  const spec = { wasmUrl: await stage.url("crossnamespace"), insecure: true };
  expect(await refusal(stage.put(flight("c52"), spec))).toContain(
    "Multiple namespaces detected (if desired enable multinamespace releases)",
  );
});

test("C53 a ClusterFlight may render into several namespaces", async () => {
  const ref = stage.ref("yoke.cd/v1alpha1", "ClusterFlight", "c53", "");
  await stage.put(ref, { wasmUrl: await stage.url("crossnamespace"), insecure: true });
  await stage.ready(ref);
  await stage.delete(ref);
  await stage.gone(ref);
});

test("C54 a Flight is rendered from its input object", async () => {
  const ref = flight("c54");
  await stage.put(ref, { wasmUrl: await stage.url("basic"), insecure: true, inputObject: { banana: "hammock" } });
  await hasData("c54", { banana: "hammock" });
  await stage.delete(ref);
  await stage.gone(ref);
});

test("C55 a Flight is denied with the words of its flight", async () => {
  const spec = { wasmUrl: await stage.url("basic"), insecure: true, input: '{"answer":42}' };
  expect(await refusal(stage.put(flight("c55"), spec))).toContain(
    "failed to decode input: json: cannot unmarshal number into Go value of type string",
  );
});

test("C56 a Flight with a module that is not allowed is denied", async () => {
  const wasmUrl = "http://localhost/basic.wasm";
  expect(await refusal(stage.put(flight("c56"), { wasmUrl, input: "{}" }))).toBe(
    `admission webhook "flights.yoke.cd" denied the request: module "${wasmUrl}" not allowed`,
  );
});

test("C57 a Flight whose module has another checksum is denied", async () => {
  const ref = flight("c57");
  await stage.put(ref, { wasmUrl: await stage.url("basic"), insecure: true, input: "{}" });
  await stage.ready(ref);
  expect(await refusal(stage.merge(ref, { spec: { checksum: "applebottomjeans" } }))).toContain(
    'cannot verify module against expected checksum: wanted "applebottomjeans"',
  );
});
