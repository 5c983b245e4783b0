import { describe, expect, it } from "vitest";
import { type AirwaySpec, parseAirway } from "../airway/spec.ts";
import type { KubeObject } from "../kube/object.ts";
import { callerPath } from "./callerPath.ts";
import { airwayWebhooks, flightWebhooks, instanceWebhooks, resourceWebhooks, type Webhook } from "./configurations.ts";
import type { Reach } from "./reach.ts";

const service: Reach = { kind: "service", namespace: "atc", name: "atc", port: 443 };
const token = "TOKEN";
const facts = { reach: service, authorities: "PEM", token, username: "system:serviceaccount:atc:atc" };
const owner = { apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name: "backends.examples.com", uid: "u" };

function airway(spec: Record<string, unknown> = {}, versions?: unknown[]): AirwaySpec {
  const template = {
    group: "examples.com",
    names: { kind: "Backend", plural: "backends" },
    scope: "Namespaced",
    versions: versions ?? [
      { name: "v1", served: true, storage: false },
      { name: "v2", served: true, storage: true },
    ],
  };
  const metadata = { name: "backends.examples.com" };
  const wasmUrls = { flight: "configmap://a/b/c" };
  return parseAirway({
    apiVersion: "yoke.cd/v1alpha1",
    kind: "Airway",
    metadata,
    spec: { wasmUrls, template, ...spec },
  });
}

const webhooksOf = (configuration: KubeObject) => configuration["webhooks"] as Webhook[];
const conditionsOf = (webhook: Webhook | undefined) => webhook?.matchConditions?.map(({ name }) => name);

describe("the configurations of the controller's own kinds", () => {
  it("have the contract's names and paths, and stand in nobody's way", () => {
    const [airways] = webhooksOf(airwayWebhooks(facts));
    expect(airways).toMatchObject({
      name: "airways.yoke.cd",
      clientConfig: {
        service: {
          namespace: "atc",
          name: "atc",
          port: 443,
          path: callerPath("/validations/airways.yoke.cd", token),
        },
        caBundle: Buffer.from("PEM").toString("base64"),
      },
      failurePolicy: "Ignore",
      sideEffects: "None",
    });
    const [flights] = webhooksOf(flightWebhooks(facts));
    expect(flights).toMatchObject({ name: "flights.yoke.cd", failurePolicy: "Ignore", matchPolicy: "Exact" });
    expect(conditionsOf(flights)).toContain("not-the-controller");
  });
});

describe("the configuration of an Airway", () => {
  const [validation, gate] = webhooksOf(instanceWebhooks(facts, airway(), owner));

  it("goes with the Airway", () => {
    expect(instanceWebhooks(facts, airway(), owner).metadata).toMatchObject({
      name: "backends.examples.com",
      ownerReferences: [owner],
    });
  });

  it("covers every served version by the one that flights see", () => {
    expect(validation).toMatchObject({
      name: "backends.examples.com",
      clientConfig: { service: { path: callerPath("/validations/backends.examples.com", token) } },
      matchPolicy: "Equivalent",
      rules: [{ apiGroups: ["examples.com"], apiVersions: ["v2"], resources: ["backends"], scope: "Namespaced" }],
    });
    const unserved = [
      { name: "v1", served: true, storage: false },
      { name: "v2", served: false, storage: true },
    ];
    const [other] = webhooksOf(instanceWebhooks(facts, airway({}, unserved), owner));
    expect(other?.rules[0]?.apiVersions).toEqual(["v1"]);
  });

  it("shuts only the gate when nobody answers", () => {
    expect(validation?.failurePolicy).toBe("Ignore");
    expect(gate).toMatchObject({ name: "overrides.backends.examples.com", failurePolicy: "Fail" });
    expect(conditionsOf(gate)).toEqual(["override-without-right"]);
  });

  it("waits for the flight, as long as Kubernetes lets it", () => {
    const seconds = (timeout: string) => {
      const [webhook] = webhooksOf(instanceWebhooks(facts, airway({ timeout }), owner));
      return webhook?.timeoutSeconds;
    };
    expect(["30ms", "10s", "1m", "-1s"].map(seconds)).toEqual([10, 15, 30, 30]);
  });
});

describe("the configuration of children", () => {
  const deployments = { group: "apps", plural: "deployments" };
  const pods = { group: "", plural: "pods" };
  const none = { guarded: [], others: [], namespaces: [] };

  it("asks for nothing where there are none", () => {
    expect(webhooksOf(resourceWebhooks(facts, none))).toEqual([]);
  });

  it("asks for changes, deletions and scaling of what static releases have, with our label", () => {
    const kinds = { ...none, guarded: [deployments, pods], namespaces: ["one"] };
    const [resources, scale, annotations, ...rest] = webhooksOf(resourceWebhooks(facts, kinds));
    expect(rest).toEqual([]);
    expect(annotations?.rules.map(({ resources }) => resources)).toEqual([["deployments/status"], ["pods/status"]]);
    expect(conditionsOf(annotations)).toEqual(["not-the-controller", "ownership-changed"]);
    expect(resources).toMatchObject({
      name: "resources.yoke.cd",
      failurePolicy: "Ignore",
      objectSelector: { matchLabels: { "app.kubernetes.io/managed-by": "atc.yoke" } },
      rules: [
        { apiGroups: ["apps"], apiVersions: ["*"], operations: ["UPDATE", "DELETE"], resources: ["deployments"] },
        { apiGroups: [""], resources: ["pods", "pods/ephemeralcontainers", "pods/resize"] },
      ],
    });
    expect(scale?.rules[0]?.resources).toEqual(["deployments/scale"]);
    expect(scale).not.toHaveProperty("objectSelector");
    expect(JSON.stringify(scale?.namespaceSelector)).toContain('"values":["one"]');
  });

  it("asks only for changes of ownership elsewhere", () => {
    const [annotations, ...rest] = webhooksOf(resourceWebhooks(facts, { ...none, others: [deployments] }));
    expect(rest).toEqual([]);
    expect(annotations?.rules[0]).toMatchObject({
      operations: ["UPDATE"],
      resources: ["deployments", "deployments/status"],
    });
    expect(conditionsOf(annotations)).toEqual(["not-the-controller", "ownership-changed"]);
  });
});

describe("a match condition", () => {
  it("quotes the account's name", () => {
    const [flights] = webhooksOf(flightWebhooks({ ...facts, username: 'a"b\\c' }));
    expect(flights?.matchConditions?.[0]?.expression).toContain(String.raw`request.userInfo.username != "a\"b\\c" && `);
  });
});

describe("a URL instead of a Service", () => {
  it("is followed by the path", () => {
    const [airways] = webhooksOf(airwayWebhooks({ ...facts, reach: { kind: "url", url: "https://127.0.0.1:1/" } }));
    const path = callerPath("/validations/airways.yoke.cd", token);
    expect(airways?.clientConfig).toMatchObject({ url: `https://127.0.0.1:1${path}` });
  });
});
