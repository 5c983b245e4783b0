import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, type KubeClient } from "./client.ts";
import type { KubeObject, ObjectRef } from "./object.ts";
import { configMapType as type } from "./resourceTypes.ts";
import { FakeApiServer } from "./testing/fakeApiServer.ts";
import { ManualClock } from "./testing/manualClock.ts";

let server: FakeApiServer;
let client: KubeClient;

const ref: ObjectRef = { apiVersion: "v1", kind: "ConfigMap", namespace: "ns", name: "a" };
const object: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "ns" },
  data: { x: "1" },
};
const path = "/api/v1/namespaces/ns/configmaps/a";

beforeEach(async () => {
  server = await FakeApiServer.start();
  server.answer = request => {
    if (request.path !== "/api/v1") return false;
    request.json(200, { resources: [{ name: "configmaps", kind: "ConfigMap", namespaced: true }] });
    return true;
  };
  client = createClient(server.config, { h2c: true, clock: new ManualClock({ skipUpToMs: 60_000 }) });
});

afterEach(async () => {
  await client.transport.close();
  await server.kill();
});

describe("as somebody else", () => {
  test("says so with every request, and shares what is known of kinds", async () => {
    const other = client.as({ user: "system:serviceaccount:ns:worker", extra: { mark: "true" } });
    const got = other.get(ref);
    const request = await server.next();
    expect(request.headers).toMatchObject({
      "impersonate-user": "system:serviceaccount:ns:worker",
      "impersonate-extra-mark": "true",
    });
    request.json(200, object);
    await got;
    expect(other.discovery).toBe(client.discovery);
    const own = client.get(ref);
    const next = await server.next();
    expect(next.headers).not.toHaveProperty("impersonate-user");
    next.json(200, object);
    await own;
  });
});

describe("get", () => {
  test("gives the object with all its fields", async () => {
    const got = client.get(ref);
    const request = await server.next();
    expect([request.method, request.path]).toEqual(["GET", path]);
    request.json(200, { ...object, "x-kubernetes-unknown": { kept: true } });
    expect(await got).toEqual({ ...object, "x-kubernetes-unknown": { kept: true } });
  });

  test("of metadata only asks for that and restores the type", async () => {
    const got = client.get(ref, { metadataOnly: true });
    const request = await server.next();
    expect(request.headers.accept).toContain("as=PartialObjectMetadata;");
    request.json(200, { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata: object.metadata });
    expect(await got).toEqual({ apiVersion: "v1", kind: "ConfigMap", metadata: object.metadata });
  });

  test("tells an absent object from an unknown kind", async () => {
    const absent = client.get(ref);
    (await server.next()).status(404, "NotFound");
    expect(await absent).toBeUndefined();
    await expect(client.get({ ...ref, kind: "Nope" })).rejects.toMatchObject({ code: "KUBE_UNKNOWN_KIND" });
  });

  test("notices that a kind is not served any more", async () => {
    const got = client.get(ref);
    (await server.next()).text(404, "404 page not found");
    await expect(got).rejects.toMatchObject({ code: "KUBE_UNKNOWN_KIND" });
    server.answer = () => false;
    const again = client.get(ref);
    const discovery = await server.next();
    expect(discovery.path).toBe("/api/v1");
    discovery.json(200, { resources: [] });
    await expect(again).rejects.toMatchObject({ code: "KUBE_UNKNOWN_KIND" });
  });

  test("of something that is no JSON does not quote it", async () => {
    const got = client.get(ref);
    (await server.next()).text(200, "hunter2");
    await expect(got).rejects.toMatchObject({ code: "KUBE_PROTOCOL", message: expect.not.stringContaining("hunter2") });
  });
});

describe("list", () => {
  const item = (name: string) => ({ metadata: { name } });

  test("follows the pages of a consistent read and gives each item its type", async () => {
    const listed = client.list(type, { namespace: "ns", labelSelector: "a=b", limit: 2 });
    const first = await server.next();
    expect([first.path, first.query.toString()]).toEqual([
      "/api/v1/namespaces/ns/configmaps",
      "labelSelector=a%3Db&limit=2",
    ]);
    first.json(200, { metadata: { resourceVersion: "9", continue: "more" }, items: [item("a"), item("b")] });
    const second = await server.next();
    expect(second.query.get("continue")).toBe("more");
    second.json(200, { metadata: { resourceVersion: "9" }, items: [item("c")] });
    const { items, resourceVersion } = await listed;
    expect(resourceVersion).toBe("9");
    expect(items.map(({ kind, metadata }) => [kind, metadata.name])).toEqual(
      ["a", "b", "c"].map(name => ["ConfigMap", name]),
    );
  });

  test("begins anew without pages when a page has expired", async () => {
    const listed = client.list(type, { limit: 1 });
    const first = await server.next();
    expect(first.path).toBe("/api/v1/configmaps");
    first.json(200, { metadata: { resourceVersion: "9", continue: "more" }, items: [item("a")] });
    (await server.next()).status(410, "Expired");
    const whole = await server.next();
    expect(whole.query.toString()).toBe("");
    whole.json(200, { metadata: { resourceVersion: "12" }, items: [item("b")] });
    expect(await listed).toMatchObject({ resourceVersion: "12", items: [item("b")] });
  });

  test("of nothing is empty", async () => {
    const listed = client.list(type, { metadataOnly: true });
    const request = await server.next();
    expect(request.headers.accept).toContain("as=PartialObjectMetadataList;");
    request.json(200, { metadata: { resourceVersion: "3" }, items: null });
    expect(await listed).toEqual({ items: [], resourceVersion: "3" });
  });
});

describe("writes", () => {
  test.each([
    [200, false],
    [201, true],
  ])("apply answered %i: created is %s", async (status, created) => {
    const applied = client.apply(object, { fieldManager: "me", force: true });
    const request = await server.next();
    expect([request.method, request.path, request.query.toString()]).toEqual([
      "PATCH",
      path,
      "fieldManager=me&force=true",
    ]);
    expect(request.headers["content-type"]).toBe("application/apply-patch+yaml");
    expect(JSON.parse(request.body)).toEqual(object);
    request.json(status, object);
    expect(await applied).toEqual({ object, created });
  });

  test("apply of a status as a trial", async () => {
    const applied = client.apply(object, { fieldManager: "me", force: false, dryRun: true, subresource: "status" });
    const request = await server.next();
    expect([request.path, request.query.toString()]).toEqual([
      `${path}/status`,
      "fieldManager=me&force=false&dryRun=All",
    ]);
    request.json(200, object);
    await applied;
  });

  test("create goes to the collection", async () => {
    const created = client.create(object, { fieldManager: "me" });
    const request = await server.next();
    expect([request.method, request.path]).toEqual(["POST", "/api/v1/namespaces/ns/configmaps"]);
    request.status(409, "AlreadyExists");
    await expect(created).rejects.toMatchObject({ code: "KUBE_ALREADY_EXISTS" });
  });

  test.each([
    ["merge", { data: null }, "application/merge-patch+json"],
    ["json", [{ op: "remove", path: "/data" }], "application/json-patch+json"],
  ] as const)("%s patch has its content type", async (kind, patch, contentType) => {
    const patched = client.patch(ref, patch, { type: kind, fieldManager: "me" });
    const request = await server.next();
    expect([request.headers["content-type"], JSON.parse(request.body)]).toEqual([contentType, patch]);
    request.json(200, object);
    expect(await patched).toEqual(object);
  });

  test("a conflict is an error that says so, and is not repeated", async () => {
    const applied = client.apply(object, { fieldManager: "me", force: true });
    (await server.next()).status(409, "Conflict");
    await expect(applied).rejects.toMatchObject({ code: "KUBE_CONFLICT", status: 409 });
    expect(server.unanswered).toBe(0);
  });
});

describe("delete", () => {
  const deleting = { ...object, metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };

  test.each([
    ["deleted", 200, { kind: "Status", status: "Success" }],
    ["deleted", 200, object],
    ["deleted", 200, deleting],
    ["deleting", 200, { ...deleting, metadata: { ...deleting.metadata, finalizers: ["x/y"] } }],
    ["deleting", 202, { ...deleting, metadata: { ...deleting.metadata, deletionGracePeriodSeconds: 30 } }],
    ["deleting", 200, { ...deleting, kind: "Namespace", spec: { finalizers: ["kubernetes"] } }],
    ["absent", 404, { kind: "Status", reason: "NotFound" }],
  ])("is %s when answered %i %j", async (wanted, status, answer) => {
    const deleted = client.delete(ref);
    (await server.next()).json(status, answer);
    expect(await deleted).toBe(wanted);
  });

  test("carries its preconditions and propagation", async () => {
    const deleted = client.delete(ref, { uid: "u", resourceVersion: "5", propagation: "Foreground" });
    const request = await server.next();
    expect(JSON.parse(request.body)).toMatchObject({
      preconditions: { uid: "u", resourceVersion: "5" },
      propagationPolicy: "Foreground",
    });
    request.status(409, "Conflict");
    await expect(deleted).rejects.toMatchObject({ code: "KUBE_CONFLICT" });
  });

  test("of a kind that is not served finds nothing to delete", async () => {
    expect(await client.delete({ ...ref, kind: "Nope" })).toBe("absent");
  });
});
