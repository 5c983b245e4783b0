/** The webhooks, asked by a real API server over loopback; the controller has an account of its own. */
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { clientConfigOf, jane, refusal } from "./support/admission.ts";
import { type Atc, type AtcOptions, startAtc, withAdmission } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { echo } from "./support/flights.ts";
import { World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "admission");
const { namespace, group } = world;
let options: AtcOptions;
let atc: Atc;

beforeAll(async () => {
  options = await withAdmission(inject("kubeconfig"));
  atc = await startAtc(options);
  await world.open();
  await world.airway({ kind: "Echo", flight: echo });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
});

function deployment(name: string, labels: Record<string, string> = {}, replicas = 1): KubeObject {
  const app = { app: name };
  const spec = { containers: [{ name: "main", image: "nginx" }] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: { replicas, selector: { matchLabels: app }, template: { metadata: { labels: app }, spec } },
  };
}

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

describe("the metrics", () => {
  it("count reviews by what was decided, and tell when the certificate ends", async () => {
    const reviews = (decision: string) => atc.metric("atc_admission_seconds_count", { webhook: "instance", decision });
    const [allowed, denied] = [await reviews("allowed"), await reviews("denied")];
    // The API server asks some moments after the configuration was written.
    await eventually("a bad instance is refused", async () =>
      expect(await refusal(world.applyInstance("Echo", "refused", { stages: 7 }))).not.toBe("accepted"),
    );
    await world.instance("Echo", "counted", { stages: [configMap("counted")] });
    expect(await reviews("allowed")).toBeGreaterThan(allowed);
    expect(await reviews("denied")).toBeGreaterThan(denied);
    expect(await atc.metric("atc_certificate_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
  });
});

describe("the configurations", () => {
  it("are there once the controller is ready, and the wide one is not", async () => {
    for (const name of ["atc-airway", "atc-flight", "atc-resources", `echos.${group}`]) {
      await world.get(world.webhooks(name));
    }
    expect(await world.client.get(world.webhooks("atc-external-resources"))).toBeUndefined();
  });

  it("are repaired when somebody edits or deletes them", async () => {
    const before = await world.get(world.webhooks("atc-airway"));
    const webhooks = structuredClone(before["webhooks"]) as { clientConfig: { caBundle: string } }[];
    for (const webhook of webhooks) webhook.clientConfig.caBundle = "";
    await world.merge(world.webhooks("atc-airway"), { webhooks });
    await eventually("the CA bundle is back", async () => {
      expect((await world.get(world.webhooks("atc-airway")))["webhooks"]).toEqual(before["webhooks"]);
    });
    await world.delete(world.webhooks(`echos.${group}`));
    await eventually("the instances' webhooks are back", async () => {
      await world.get(world.webhooks(`echos.${group}`));
    });
  });

  it("have paths that the API server takes for a Service, too, which is how it reaches the controller in a cluster", async () => {
    for (const name of ["atc-airway", "atc-flight", `echos.${group}`]) {
      const { apiVersion, kind, webhooks } = (await world.get(world.webhooks(name))) as unknown as {
        apiVersion: string;
        kind: string;
        webhooks: { clientConfig: { url: string } }[];
      };
      const byService = webhooks.map(({ clientConfig: { url, ...trust }, ...webhook }) => {
        const service = { namespace: "atc", name: "atc", path: new URL(url).pathname };
        return { ...webhook, clientConfig: { ...trust, service } };
      });
      const metadata = { name: `${name}.by-service` };
      const object = { apiVersion, kind, metadata, webhooks: byService } as KubeObject;
      await world.client.create(object, { fieldManager: "e2e", dryRun: true });
    }
  });

  it("trust a new authority when the Secret with the old one is lost", async () => {
    const bundle = async () => (await clientConfigOf(world, "atc-airway")).caBundle;
    const before = await bundle();
    await world.delete(world.ref("v1", "Secret", "atc-tls", "default"));
    await eventually("another authority", async () => expect(await bundle()).not.toBe(before));
    await eventually("reviews are answered with its certificate", async () => {
      const stages = [deployment("trusted", {}, -1)];
      const said = await refusal(world.applyInstance("Echo", "trusted", { stages }));
      expect(said).toContain("spec.replicas: Invalid value");
    });
  });
});

describe("somebody who reaches the port", () => {
  /** A review as only the API server may ask for. */
  const review = JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "forged",
      operation: "CREATE",
      userInfo: { username: "mallory", groups: ["system:masters"] },
      resource: { group: "yoke.cd", version: "v1alpha1", resource: "airways" },
    },
  });

  function post(url: URL, ca: Buffer): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: "POST", ca, agent: false }, response => {
        text(response).then(body => resolve({ status: response.statusCode ?? 0, body }), reject);
      });
      sent.on("error", reject);
      sent.end(review);
    });
  }

  it("is not answered, unless it may read the configurations; the log does not help", async () => {
    const { url, caBundle } = await clientConfigOf(world, "atc-airway");
    const ca = Buffer.from(caBundle, "base64");
    const known = new URL(url);
    const [, segment = "", ...path] = known.pathname.split("/");
    expect(path.join("/")).toBe("validations/airways.yoke.cd");
    expect((await post(known, ca)).body).toContain('"allowed":true');
    for (const inner of ["validations/airways.yoke.cd", "validations/flights.yoke.cd", `crdconvert/echos.${group}`]) {
      expect((await post(new URL(`/${inner}`, known), ca)).status).toBe(404);
    }
    // What opens one path opens no other.
    expect((await post(new URL(`/${segment}/validations/flights.yoke.cd`, known), ca)).status).toBe(404);
    const secret = await world.get(world.ref("v1", "Secret", "atc-tls", "default"));
    const token = Buffer.from((secret["data"] as Record<string, string>)["path-token"] ?? "", "base64").toString();
    expect(token).toHaveLength(43);
    for (const hidden of [segment, token]) expect(atc.logs()).not.toContain(hidden);
  });
});

describe("an Airway", () => {
  const denied = 'admission webhook "airways.yoke.cd" denied the request';

  it("is refused when it cannot work", async () => {
    const nobodyStores = [
      { name: "v1", served: true, storage: false, schema: { openAPIV3Schema: { type: "object" } } },
    ];
    const names = { kind: "Broken", plural: "brokens" };
    const template = { group, names, scope: "Namespaced", versions: nobodyStores };
    const attempt = world.applyAirway({ kind: "Broken", flight: echo, spec: { template } });
    expect(await refusal(attempt)).toContain(denied);
    const wrongSum = { flight: `configmap://${namespace}/flight-echos/flight.js`, flightChecksum: "00" };
    const said = await refusal(world.applyAirway({ kind: "Broken", flight: echo, spec: { wasmUrls: wrongSum } }));
    expect(said).toContain(`${denied}: failed to validate flight url "${wrongSum.flight}": cannot verify module`);
  });
});

describe("an instance", () => {
  const denied = `admission webhook "echos.${group}" denied the request`;

  it("is refused with the API server's errors about all of its objects", async () => {
    const stages = [
      deployment("wrong", { bad: "no spaces allowed" }, -5),
      { apiVersion: "v1", kind: "Service", metadata: { name: "wrong" }, spec: { ports: [{ port: 0 }] } },
    ];
    const said = await refusal(world.applyInstance("Echo", "wrong", { stages }));
    expect(said).toContain(denied);
    expect(said).toContain("metadata.labels: Invalid value");
    expect(said).toContain("spec.replicas: Invalid value");
    expect(said).toContain("spec.ports[0].port: Invalid value");
    expect(await world.client.get(world.deployment("wrong"))).toBeUndefined();
  });

  it("is refused with the flight's words", async () => {
    await world.airway({ kind: "Picky", flight: "export default () => { throw new Error('replicas must be odd'); };" });
    await eventually("the flight is asked", async () => {
      expect(await refusal(world.applyInstance("Picky", "any"))).toContain("replicas must be odd");
    });
  });

  it("is accepted when its objects need what an earlier stage makes", async () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `parts.${group}` },
      spec: {
        group,
        names: { kind: "Part", plural: "parts" },
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    };
    const part = { apiVersion: `${group}/v1`, kind: "Part", metadata: { name: "part" } };
    const prune = { crds: true, namespaces: true };
    await world.airway({ kind: "Maker", flight: echo, spec: { prune } });
    await world.instance("Maker", "maker", { stages: [crd, part] });
    const ref = world.ref(`${group}/v1`, "Part", "part");
    // This client asked for the group's kinds before there were Parts, maybe less than a second ago.
    world.client.discovery.invalidate(ref.apiVersion);
    await world.get(ref);
    await world.delete(world.instanceRef("Maker", "maker"));
    await world.letGo(ref);
    await world.gone(world.instanceRef("Maker", "maker"));
  });

  it("is not asked about while it is being deleted, nor for the controller's bookkeeping", async () => {
    await world.instance("Echo", "short", { stages: [configMap("short")] });
    await world.delete(world.instanceRef("Echo", "short"));
    await world.gone(world.instanceRef("Echo", "short"));
    expect(atc.logs()).not.toContain('"review failed"');
  });

  it("may not be overridden by somebody who may not update Airways", async () => {
    const client = await jane(world);
    const instance = (annotations: Record<string, string>): KubeObject => ({
      apiVersion: `${group}/v1`,
      kind: "Echo",
      metadata: { name: "janes", namespace, annotations },
      spec: { of: "e2e", stages: [] },
    });
    const attempt = (annotations: Record<string, string>) =>
      refusal(client.apply(instance(annotations), { fieldManager: "jane", force: true }));
    const words = "user does not have permissions to create or update override annotations";
    expect(await attempt({ "overrides.yoke.cd/flight": "https://evil.attack" })).toContain(words);
    expect(await attempt({})).toBe("accepted");
    expect(await attempt({ "overrides.yoke.cd/mode": "dynamic" })).toContain(words);
    expect(await attempt({ "atc.yoke.cd/revision": "yoke.0123456789ab" })).toContain(words);
    await client.transport.close();
  });
});

describe("a rollback", () => {
  it("is the way back from a flight that fails, to a revision that there is", async () => {
    await world.airway({ kind: "Fragile", flight: echo });
    await world.instance("Fragile", "fragile", { stages: [configMap("fragile", { value: "good" })] });
    const ref = world.instanceRef("Fragile", "fragile");
    const { status } = await world.get(ref);
    const { name } = (status as { atc: { revision: { name: string } } }).atc.revision;
    await world.airway({ kind: "Fragile", flight: "export default () => { throw new Error('broken'); };" });
    await world.condition(ref, ({ message }) => message.includes("broken"));
    const pin = (revision: string) =>
      world.merge(ref, { metadata: { annotations: { "atc.yoke.cd/revision": revision } } });
    expect(await refusal(pin("yoke.ffffffffffff"))).toContain(`it has ${name}`);
    await pin(name);
    const pinned = await world.ready(ref);
    expect(JSON.stringify(pinned["status"])).toContain(`pinned to revision ${name}: 1 object is ready`);
    expect(await world.get(world.configMap("fragile"))).toMatchObject({ data: { value: "good" } });
  });

  it("of a Flight needs no render either", async () => {
    const { flight: wasmUrl } = await world.publish("words", "export default ({ stdin }) => stdin;");
    const ref = world.ref("yoke.cd/v1alpha1", "Flight", "back");
    const { apiVersion, kind, ...metadata } = ref;
    const write = (input: string, revision?: string) => {
      const annotations = revision === undefined ? {} : { "atc.yoke.cd/revision": revision };
      return world.apply({ apiVersion, kind, metadata: { ...metadata, annotations }, spec: { wasmUrl, input } });
    };
    await write(JSON.stringify([configMap("flight-back", { value: "good" })]));
    const { status } = await world.ready(ref);
    const { name } = (status as { atc: { revision: { name: string } } }).atc.revision;
    expect(await refusal(write("no objects"))).toContain('admission webhook "flights.yoke.cd" denied the request');
    expect(await refusal(write("no objects", "yoke.ffffffffffff"))).toContain(`it has ${name}`);
    await write("no objects", name);
    const pinned = await world.ready(ref);
    expect(JSON.stringify(pinned["status"])).toContain(`pinned to revision ${name}: 1 object is ready`);
    await world.delete(ref);
    await world.gone(ref);
  });
});

describe("static mode", () => {
  const cannotModify = 'admission webhook "resources.yoke.cd" denied the request: cannot modify flight sub-resources';
  const cannotScale =
    'admission webhook "scale.resources.yoke.cd" denied the request: cannot modify flight sub-resources';
  const cannotDelete =
    'admission webhook "resources.yoke.cd" denied the request: cannot delete resources managed by Air-Traffic-Controller';

  async function scale(name: string, replicas: number): Promise<string> {
    const { status, body } = await world.client.transport.request({
      method: "PATCH",
      path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/scale`,
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ spec: { replicas } }),
    });
    return status === 200 ? "accepted" : (JSON.parse(body) as { message: string }).message;
  }

  it("keeps what was rendered, and lets additions, status and the end of all through", async () => {
    const airway = await world.airway({ kind: "Rigid", flight: echo, spec: { mode: "static" } });
    await world.instance("Rigid", "rigid", { stages: [deployment("rigid", {}, 2)] });
    const ref = world.deployment("rigid");
    await eventually("changes are refused", async () => {
      expect(await refusal(world.merge(ref, { spec: { replicas: 5 } }))).toContain(cannotModify);
    });
    expect(await refusal(world.delete(ref))).toContain(cannotDelete);
    await eventually("scaling is refused", async () => expect(await scale("rigid", 5)).toContain(cannotScale));
    expect(await scale("rigid", 2)).toBe("accepted");
    const release = { metadata: { annotations: { "instance.atc.yoke.cd/release": "another" } } };
    expect(await refusal(world.merge(ref, release))).toContain("instance.atc.yoke.cd/release");
    await world.merge(ref, { metadata: { labels: { added: "yes" } }, spec: { minReadySeconds: 3 } });
    await eventually("the Deployment's own controller reports", async () => {
      const { observedGeneration } = (await world.get(ref))["status"] as { observedGeneration: number };
      expect(observedGeneration).toBe((await world.get(ref)).metadata.generation);
    });
    // The controller's own writes.
    await world.instance("Rigid", "rigid", { stages: [deployment("rigid", {}, 3)] });
    expect((await world.get(ref))["spec"]).toMatchObject({ replicas: 3, minReadySeconds: 3 });
    await world.delete(world.airwayRef(airway));
    await world.gone(world.airwayRef(airway));
    await world.gone(ref);
    await world.gone(world.webhooks(airway));
  });
});

describe("an Airway whose account is not there", () => {
  it("has its gate all the same, for its kind is served already", async () => {
    const spec = { serviceAccountName: `${namespace}/nobody` };
    const name = await world.applyAirway({ kind: "Gated", flight: echo, spec });
    await eventually("the Airway says what is missing", async () => {
      const airway = await world.client.get(world.airwayRef(name));
      expect(JSON.stringify(airway?.status)).toContain(`${namespace}/nobody`);
    });
    expect(await world.client.get(world.webhooks(name))).toBeDefined();
  });
});

describe("annotations of ownership", () => {
  it("stay in every mode", async () => {
    await world.instance("Echo", "owned", { stages: [configMap("owned")] });
    await eventually("changes are refused", async () => {
      const patch = { metadata: { annotations: { "instance.atc.yoke.cd/release": null } } };
      const said = await refusal(world.merge(world.configMap("owned"), patch));
      expect(said).toContain('admission webhook "annotations.resources.yoke.cd" denied the request');
    });
    await world.merge(world.configMap("owned"), { metadata: { annotations: { mine: "free" } } });
  });
});
