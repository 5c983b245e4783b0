import { describe, expect, test } from "vitest";
import { Deployment, type Resource, Secret } from "../sdk/index.ts";
import { render } from "../sdk/testing.ts";
import { backend } from "./flight.ts";
import subscription from "./subscription.ts";

const instance = (spec: unknown = {}) => ({
  apiVersion: "examples.com/v1",
  kind: "Backend",
  metadata: { name: "nginx", namespace: "shop" },
  spec,
});

const secret = (data?: Record<string, string>) =>
  Secret({ metadata: { name: "nginx", namespace: "shop", resourceVersion: "7" }, type: "Opaque", data });

const kinds = (resources: readonly Resource[]) => resources.map(({ kind }) => kind);

function deploymentOf(resources: readonly Resource[]): Deployment {
  const found = resources.find(({ kind }) => kind === Deployment.kind);
  if (!found) throw new Error("no Deployment was rendered");
  return found as Deployment;
}

const templateOf = (resources: readonly Resource[]) => deploymentOf(resources).spec.template;

describe("dynamic", () => {
  test("renders the Secret, the ExternalSecret that fills it, and the Deployment that reads it", () => {
    const { resources } = render(backend, instance(), { objects: [secret({ hello: "d29ybGQ=" })] });
    expect(kinds(resources)).toEqual(["Secret", "ExternalSecret", "Deployment"]);
    expect(resources[0]).toMatchObject({ metadata: { name: "nginx", namespace: "shop" }, data: { hello: "d29ybGQ=" } });
    expect(resources[1]).toMatchObject({
      spec: {
        refreshInterval: "5s",
        secretStoreRef: { kind: "SecretStore", name: "vault-backend" },
        target: { name: "nginx", creationPolicy: "Merge" },
        data: [{ secretKey: "hello", remoteRef: { key: "demo", property: "hello" } }],
      },
    });
    expect(deploymentOf(resources).spec).toMatchObject({ replicas: 2, paused: false });
    expect(templateOf(resources).spec.containers).toEqual([
      {
        name: "backend",
        image: "nginx:latest",
        env: [{ name: "DEMO", valueFrom: { secretKeyRef: { name: "nginx", key: "hello" } } }],
      },
    ]);
  });

  test("the pod template changes with the value, and with nothing else of the Secret", () => {
    const template = (object: Secret) => templateOf(render(backend, instance(), { objects: [object] }).resources);
    const before = template(secret({ hello: "d29ybGQ=" }));
    const relabelled = secret({ hello: "d29ybGQ=" });
    expect(template({ ...relabelled, metadata: { ...relabelled.metadata, resourceVersion: "8" } })).toEqual(before);
    expect(template(secret({ hello: "bW9vbg==" }))).not.toEqual(before);
  });

  test("the value is in the Secret and nowhere else", () => {
    const { resources } = render(backend, instance(), { objects: [secret({ hello: "d29ybGQ=" })] });
    const others = JSON.stringify(resources.filter(({ kind }) => kind !== Secret.kind));
    expect(others).not.toContain("d29ybGQ=");
    expect(others).not.toContain("world");
  });

  test.each([
    ["there is no Secret", []],
    ["the Secret is empty", [secret()]],
    ["the Secret has other keys only", [secret({ other: "eA==" })]],
  ])("while %s the Deployment is paused, so that no pod starts without the value", (_, objects) => {
    const { resources } = render(backend, instance(), { objects });
    expect(kinds(resources)).toEqual(["Secret", "ExternalSecret", "Deployment"]);
    expect(deploymentOf(resources).spec.paused).toBe(true);
    expect(templateOf(resources).metadata?.labels?.["secret-hash"]).toBeUndefined();
  });

  test("the spec decides on image, replicas, source and interval", () => {
    const spec = {
      image: "nginx:1.29",
      replicas: 0,
      secret: { path: "team/app", key: "token", env: "TOKEN" },
      refreshInterval: "1s",
    };
    const { resources } = render(backend, instance(spec), { objects: [secret({ token: "eA==" })] });
    expect(deploymentOf(resources).spec).toMatchObject({ replicas: 0, paused: false });
    expect(templateOf(resources).spec.containers[0]).toMatchObject({
      image: "nginx:1.29",
      env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "nginx", key: "token" } } }],
    });
    expect(resources[1]).toMatchObject({
      spec: {
        refreshInterval: "1s",
        data: [{ secretKey: "token", remoteRef: { key: "team/app", property: "token" } }],
      },
    });
  });

  test.each([
    [{ replicas: -1 }, /^spec\.replicas: /],
    [{ replicas: 1.5 }, /^spec\.replicas: /],
    [{ image: "" }, /^spec\.image: /],
    [{ secret: { key: 1 } }, /^spec\.secret\.key: /],
    [{ refreshInterval: "soon" }, /^spec\.refreshInterval: /],
  ])("%j is refused", (spec, message) => {
    expect(() => render(backend, instance(spec))).toThrow(message);
  });
});

describe("subscription", () => {
  test("the Secret is looked up and not rendered: it belongs to External Secrets", () => {
    const { resources, lookups } = render(subscription, instance(), { objects: [secret({ hello: "d29ybGQ=" })] });
    expect(kinds(resources)).toEqual(["ExternalSecret", "Deployment"]);
    expect(resources[0]).toMatchObject({ spec: { target: { name: "nginx", creationPolicy: "Owner" } } });
    expect(lookups).toEqual([{ apiVersion: "v1", kind: "Secret", namespace: "shop", name: "nginx" }]);
  });

  test("the Deployment waits for the value", () => {
    expect(deploymentOf(render(subscription, instance()).resources).spec.paused).toBe(true);
  });
});
