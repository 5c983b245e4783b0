/** What each mode does about changes of a release's objects and of what was looked up. */
import { setInterval } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { conditionOf } from "../e2e/support/world.ts";
import { backend, backendV1 } from "./support/backend.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("modes");

beforeAll(() => stage.open());
afterAll(() => stage.close());

const denied = 'admission webhook "resources.yoke.cd" denied the request: ';

describe("static, then dynamic by an override", () => {
  const c26 = stage.custom("Backend", "test");
  const deployment = stage.deployment("test");

  const replicas = (count: number) =>
    eventually(`the Deployment has ${count} replicas`, async () =>
      expect(await stage.get(deployment)).toMatchObject({ spec: { replicas: count } }),
    );

  test("C26 in mode static a child cannot be changed", async () => {
    const spec = { mode: "static", clusterAccess: true };
    await stage.define("Backend", "backend-v1-modes", { template: backendV1, spec });
    await stage.put(c26, backend(2));
    await replicas(2);
    await eventually("the change is denied", async () =>
      expect(await refusal(stage.merge(deployment, { spec: { replicas: 5 } }))).toBe(
        `${denied}cannot modify flight sub-resources`,
      ),
    );
  });

  test("C27 in mode static a child cannot be deleted", async () => {
    expect(await refusal(stage.delete(deployment))).toBe(
      `${denied}cannot delete resources managed by Air-Traffic-Controller`,
    );
  });

  test("C28 overridden to dynamic, a change is accepted and taken back", async () => {
    await stage.merge(c26, { metadata: { annotations: { "overrides.yoke.cd/mode": "dynamic" } } });
    await eventually("Ready", async () => expect(conditionOf(await stage.get(c26))).toMatchObject({ reason: "Ready" }));
    await eventually("the change is accepted", () => stage.merge(deployment, { spec: { replicas: 8 } }));
    await replicas(2);
  });

  test("C29 overridden to dynamic, a child that is deleted comes back", async () => {
    const { uid } = (await stage.get(deployment)).metadata;
    await stage.delete(deployment);
    await eventually("another Deployment", async () => {
      const { metadata, spec } = await stage.get(deployment);
      expect(metadata.uid).not.toBe(uid);
      expect(spec).toMatchObject({ replicas: 2 });
    });
  });

  test("C30 overridden to dynamic, a child that is looked up is rendered with what others wrote into it", async () => {
    const settings = stage.configMap("test");
    expect((await stage.get(settings))["data"] ?? {}).not.toHaveProperty("replicas");
    await stage.merge(settings, { data: { replicas: "7" } });
    await replicas(7);
    expect(await stage.get(settings)).toMatchObject({ data: { replicas: "7" } });
  });
});

test("C34 in mode dynamic the status of a child drives the status of the custom resource", async () => {
  const ref = stage.custom("Available", "c34");
  const status = { type: "object", properties: { availablePods: { type: "string" } } };
  // Yoke's own flight of this scenario takes the image from here.
  const image = { type: "string", default: "nginx" };
  await stage.define("Available", "deploymentstatus", {
    schema: { type: "object", properties: { spec: { type: "object" }, image, status } },
    spec: { mode: "dynamic", clusterAccess: true },
  });
  await stage.put(ref, {});
  await eventually("one pod is available", async () =>
    expect(await stage.get(ref)).toMatchObject({ status: { availablePods: "1" } }),
  );
  await stage.ready(ref);
});

describe("subscription", () => {
  const map = (name: string) => stage.ref("v1", "ConfigMap", name, "default");
  const [external, subscribed, standard] = [map("external"), map("subscribed"), map("standard")];

  async function write(value: string): Promise<void> {
    const metadata = { name: external.name, namespace: external.namespace };
    await stage.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { key: value } });
  }

  const copied = (value: string) =>
    eventually(`both are there, with ${value}`, async () => {
      await stage.get(subscribed);
      expect(await stage.get(standard)).toMatchObject({ data: { key: value } });
    });

  afterAll(() => stage.delete(external));

  test("C41 in mode subscription a release is rendered with what it looked up elsewhere", async () => {
    const spec = { mode: "subscription", clusterAccess: true, resourceAccessMatchers: ["ConfigMap:external"] };
    await stage.define("Subscriber", "subscriptions", { scope: "Cluster", spec });
    await write("one");
    const ref = stage.custom("Subscriber", "c41", "");
    await stage.put(ref, {});
    await copied("one");
    await stage.ready(ref);
  });

  test("C42 in mode subscription a child that was not looked up stays deleted", async () => {
    await stage.delete(standard);
    let polls = 0;
    for await (const _ of setInterval(1_000)) {
      expect(await stage.client.get(standard)).toBeUndefined();
      polls += 1;
      if (polls === 5) break;
    }
  });

  test("C43 in mode subscription a child that was looked up brings all back when it is deleted", async () => {
    await stage.delete(subscribed);
    await copied("one");
  });

  test("C44 in mode subscription an object that was looked up elsewhere is followed", async () => {
    await write("two");
    await copied("two");
  });
});
