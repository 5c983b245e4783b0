/** What a flight may look up, what wakes it, and who may override it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../controller/kube/client.ts";
import { loadConfig } from "../../controller/kube/config.ts";
import { eventually } from "../e2e/support/eventually.ts";
import { serviceAccount } from "../e2e/support/identity.ts";
import { conditionOf } from "../e2e/support/world.ts";
import { backend, backendV1 } from "./support/backend.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("access");
const outside = "forbidden: cannot access resource outside of target release ownership";

beforeAll(async () => {
  await stage.open();
  await stage.namespaceOf("custom");
  await secret("default", "one", "secret one");
  await secret("custom", "two", "secret two");
});
afterAll(async () => {
  await stage.delete(stage.ref("v1", "Secret", "one", "default"));
  await stage.close();
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(namespace: string, name: string, value: string) {
  return stage.apply({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data: { key: base64(value) } });
}

/** An Airway of its own for each scenario, as all of them render the same ConfigMap. */
async function reader(number: string, spec: Readonly<Record<string, unknown>>) {
  const kind = `Reader${number}`;
  await stage.define(kind, "resourceaccessmatchers", { spec: { clusterAccess: true, ...spec } });
  const namespace = `conformance-${number}`;
  await stage.namespaceOf(namespace);
  return stage.custom(kind, "test", namespace);
}

async function refusedReader(number: string, resourceAccessMatchers: readonly string[]): Promise<string> {
  return refusal(stage.put(await reader(number, { resourceAccessMatchers }), {}));
}

async function acceptedReader(number: string, resourceAccessMatchers: readonly string[]): Promise<void> {
  const ref = await reader(number, { resourceAccessMatchers });
  await stage.put(ref, {});
  await stage.ready(ref);
  await stage.delete(ref);
  await stage.gone(ref);
}

test.concurrent("C21 without a matcher a flight may look up nothing that is not of its release", async () => {
  expect(await refusedReader("c21", [])).toContain(`failed to lookup secret one: ${outside}`);
});

test.concurrent("C22 a matcher of another object does not help", async () => {
  expect(await refusedReader("c22", ["bar/Secret:example"])).toContain(`failed to lookup secret one: ${outside}`);
});

test.concurrent("C23 a matcher of one namespace is for that namespace", async () => {
  expect(await refusedReader("c23", ["default/*"])).toContain(`failed to lookup secret two: ${outside}`);
});

test.concurrent("C24 a matcher of a kind is for all namespaces", () => acceptedReader("c24", ["Secret"]));

test.concurrent("C25 a matcher of everything is for everything", () => acceptedReader("c25", ["*"]));

test.concurrent("C31 in mode dynamic a changed Secret is rendered again", async () => {
  const ref = await reader("c31", { mode: "dynamic", resourceAccessMatchers: ["Secret"] });
  await stage.put(ref, {});
  const shows = (value: string) =>
    eventually(`the ConfigMap shows ${value}`, async () => {
      const { data } = await stage.get(stage.ref("v1", "ConfigMap", "cm", ref.namespace));
      expect(JSON.parse((data as { one: string }).one)).toEqual({ key: base64(value) });
    });
  await shows("secret one");
  await secret("default", "one", "another secret one");
  await shows("another secret one");
});

test.concurrent("C32 in mode dynamic an object that was missed is rendered when it appears", async () => {
  const status = { type: "object", required: ["msg"], properties: { msg: { type: "string" } } };
  const spec = { type: "object", properties: { source: { type: "string" }, target: { type: "string" } } };
  await stage.define("Copier", "externalcreation", {
    schema: { type: "object", properties: { spec, status } },
    spec: { mode: "dynamic", clusterAccess: true, resourceAccessMatchers: ["default/ConfigMap"] },
  });
  const ref = stage.custom("Copier", "test", "default");
  const source = stage.ref("v1", "ConfigMap", "source", "default");
  const target = stage.ref("v1", "ConfigMap", "target", "default");
  await stage.put(ref, { source: "source", target: "target" });
  await eventually("the status says what is missing", async () =>
    expect(await stage.get(ref)).toMatchObject({
      status: { msg: "source does not exist: waiting for it to be created." },
    }),
  );
  const data = { hello: "from source" };
  await stage.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "source", namespace: "default" }, data });
  await eventually("the copy is there", async () => expect(await stage.get(target)).toMatchObject({ data }));
  await stage.delete(source);
});

test.concurrent("C37 only who may update Airways may override an instance's flight or mode", async () => {
  await stage.define("Backend", "backend-v1", { template: backendV1 });
  const rules = [{ apiGroups: [stage.group], resources: ["backends"], verbs: ["*"] }];
  const { kubeconfig } = await serviceAccount(stage.kubeconfig, {
    name: "backender",
    namespace: stage.namespace,
    rules,
  });
  const client = createClient(loadConfig({ kubeconfig }));
  const gate = "user does not have permissions to create or update override annotations";
  const ref = stage.custom("Backend", "c37");
  const metadata = { name: ref.name, namespace: ref.namespace };
  const create = (annotations: Record<string, string>) =>
    client.create(
      { apiVersion: ref.apiVersion, kind: ref.kind, metadata: { ...metadata, annotations }, spec: backend(1) },
      { fieldManager: "backender" },
    );
  expect(await refusal(create({ "overrides.yoke.cd/flight": "https://evil.attack" }))).toContain(gate);
  await create({});
  const patch = { metadata: { annotations: { "overrides.yoke.cd/mode": "dynamic" } } };
  const change = client.patch(ref, patch, { type: "merge", fieldManager: "backender" });
  expect(await refusal(change)).toContain(gate);
  await client.transport.close();
  await stage.ready(ref);
  expect(conditionOf(await stage.get(ref))).toMatchObject({ reason: "Ready" });
});
