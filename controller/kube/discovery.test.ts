import { expect, test } from "vitest";
import { apiRoot, createDiscovery } from "./discovery.ts";
import { Mailbox } from "./testing/mailbox.ts";
import { ManualClock } from "./testing/manualClock.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

interface Call {
  request: HttpRequest;
  answer(status: number, value: unknown): void;
}

function setUp() {
  const calls = new Mailbox<Call>();
  const transport: Pick<Transport, "request"> = {
    request: request =>
      new Promise<HttpResponse>(resolve => {
        const answer = (status: number, value: unknown) =>
          resolve({ status, headers: {}, body: typeof value === "string" ? value : JSON.stringify(value) });
        calls.put({ request, answer });
      }),
  };
  const clock = new ManualClock();
  return { calls, clock, discovery: createDiscovery(transport, { clock, missMs: 1_000 }) };
}

const apps = {
  resources: [
    { name: "deployments", kind: "Deployment", namespaced: true },
    { name: "deployments/status", kind: "Deployment", namespaced: true },
    { name: "deployments/scale", kind: "Scale", namespaced: true },
  ],
};
const deployment = {
  group: "apps",
  version: "v1",
  apiVersion: "apps/v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
};

test("finds a kind with one request for all who ask at once, and keeps it", async () => {
  const { calls, discovery } = setUp();
  const asked = [discovery.resolve("apps/v1", "Deployment"), discovery.resolve("apps/v1", "Scale")];
  const call = await calls.take();
  expect(call.request).toEqual({ method: "GET", path: "/apis/apps/v1" });
  call.answer(200, apps);
  expect(await Promise.all(asked)).toEqual([deployment, undefined]);
  expect(await discovery.resolve("apps/v1", "Deployment")).toEqual(deployment);
  expect(calls.size).toBe(0);
});

test("looks for a missing kind again, but not at once", async () => {
  const { calls, clock, discovery } = setUp();
  const first = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(404, "404 page not found");
  expect(await first).toBeUndefined();
  clock.advance(999);
  expect(await discovery.resolve("apps/v1", "Deployment")).toBeUndefined();
  expect(calls.size).toBe(0);
  clock.advance(1);
  const second = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(200, apps);
  expect(await second).toEqual(deployment);
});

test("what is made up is not remembered for longer than it is good for", async () => {
  const { calls, clock, discovery } = setUp();
  const remembered = async (apiVersion: string): Promise<void> => {
    const asked = discovery.resolve(apiVersion, "Thing");
    (await calls.take()).answer(404, "404 page not found");
    expect(await asked).toBeUndefined();
  };
  for (let at = 0; at < 500; at++) {
    await remembered(`made-up-${at}.example/v1`);
    clock.advance(10);
  }
  expect(discovery.known()).toBeLessThanOrEqual(101);
});

test("does not take trouble for absence", async () => {
  const { calls, discovery } = setUp();
  const asked = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(503, "starting");
  await expect(asked).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
  const again = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(200, apps);
  expect(await again).toEqual(deployment);
});

test("an answer that was under way when it was invalidated is not kept", async () => {
  const { calls, discovery } = setUp();
  const stale = discovery.resolve("apps/v1", "Deployment");
  const first = await calls.take();
  discovery.invalidate("apps/v1");
  const fresh = discovery.resolve("apps/v1", "Deployment");
  const second = await calls.take();
  second.answer(200, { resources: [] });
  first.answer(200, apps);
  expect(await stale).toEqual(deployment);
  expect(await fresh).toBeUndefined();
  expect(await discovery.resolve("apps/v1", "Deployment")).toBeUndefined();
});

test("everything can be forgotten", async () => {
  const { calls, discovery } = setUp();
  const first = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(200, apps);
  await first;
  discovery.invalidate();
  const second = discovery.resolve("apps/v1", "Deployment");
  (await calls.take()).answer(200, apps);
  expect(await second).toEqual(deployment);
});

test.each([
  ["v1", "/api/v1"],
  ["apps/v1", "/apis/apps/v1"],
  ["odd?/v1", "/apis/odd%3F/v1"],
])("%s is served under %s", (apiVersion, path) => expect(apiRoot(apiVersion)).toBe(path));

test("a group without a version means its preferred one, or the first that has the kind", async () => {
  const { calls, discovery } = setUp();
  const found = discovery.preferred("apps", "Deployment");
  const group = await calls.take();
  expect(group.request.path).toBe("/apis/apps");
  group.answer(200, {
    preferredVersion: { groupVersion: "apps/v2" },
    versions: [{ groupVersion: "apps/v1beta1" }, { groupVersion: "apps/v2" }, { groupVersion: "apps/v1" }],
  });
  for (const [version, kinds] of [
    ["v2", { resources: [] }],
    ["v1beta1", { resources: [] }],
    ["v1", apps],
  ] as const) {
    const call = await calls.take();
    expect(call.request.path).toBe(`/apis/apps/${version}`);
    call.answer(200, kinds);
  }
  expect(await found).toEqual(deployment);
  const absent = discovery.preferred("nobody.example", "Deployment");
  (await calls.take()).answer(404, "404 page not found");
  expect(await absent).toBeUndefined();
});
