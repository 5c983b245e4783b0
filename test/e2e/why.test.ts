/** Why something rolled, as its status, its Event and its trace tell it; and that none of them shows a secret. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject, ObjectRef } from "../../controller/kube/object.ts";
import { attributesOf, type Collector, openCollector, type Span } from "../../controller/observe/testing/collector.ts";
import { type Atc, type AtcOptions, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo } from "./support/flights.ts";
import { World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "why");
const { namespace, group } = world;
let atc: Atc;
let collector: Collector;
let options: AtcOptions;
/** Of controllers that have ended. */
let formerLogs = "";

const secrets = ["correct-horse-1", "correct-horse-2", "correct-horse-3", "battery-staple-4"] as const;
const base64 = (text: string) => Buffer.from(text).toString("base64");

beforeAll(async () => {
  collector = await openCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: "100", VERBOSE: "true" };
  options = { kubeconfig: inject("kubeconfig"), env };
  atc = await startAtc(options);
  await world.open();
  await world.airway({ kind: "Backend", flight: backend });
  await world.airway({ kind: "Echo", flight: echo });
});

afterAll(async () => {
  await world.close().finally(() => atc.kill("SIGTERM"));
  await collector.close();
});

interface Ref {
  readonly kind: string;
  readonly name: string;
}
interface Roll {
  readonly cause: string;
  readonly flight: string;
  readonly causes: readonly (Ref & {
    readonly change: string;
    readonly resourceVersion?: string;
    readonly keys?: readonly { readonly key: string; readonly before?: string; readonly after?: string }[];
  })[];
  readonly changes: readonly (Ref & { readonly why: string; readonly paths?: readonly string[] })[];
}

function rollsOf(object: KubeObject): readonly Roll[] {
  return (object["status"] as { atc?: { rolls?: Roll[] } } | undefined)?.atc?.rolls ?? [];
}

/** The latest roll of an instance and its Event, once the cause is of this kind of change. */
function rolled(kind: string, name: string, change: string): Promise<{ roll: Roll; event: KubeObject }> {
  return eventually(`${kind} ${name} tells of a roll: ${change}`, async () => {
    const instance = await world.get(world.instanceRef(kind, name));
    const roll = rollsOf(instance)[0];
    if (roll?.causes[0]?.change !== change) throw new Error(JSON.stringify(instance["status"]));
    const type = await world.client.discovery.resolve("events.k8s.io/v1", "Event");
    if (type === undefined) throw new Error("the cluster has no Events");
    const { items } = await world.client.list(type, { namespace });
    const event = items.find(
      ({ regarding, note }) =>
        (regarding as Ref).kind === kind &&
        (regarding as Ref).name === name &&
        String(note).startsWith(roll.cause) &&
        String(note).endsWith(`; flight ${roll.flight.slice(0, 19)}`),
    );
    if (event === undefined) throw new Error(`no Event says: ${roll.cause}`);
    return { roll, event };
  });
}

function configMap(name: string, value: string): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } };
}

async function applyFlight(name: string, spec: Readonly<Record<string, unknown>>): Promise<ObjectRef> {
  const of = world.ref("yoke.cd/v1alpha1", "Flight", name);
  await world.apply({ apiVersion: of.apiVersion, kind: of.kind, metadata: { name, namespace }, spec });
  return of;
}

describe("status and Event name the cause, its version, what changed in the rendered objects and the flight", () => {
  it("when a Secret changed, with its keys and without its values", async () => {
    await world.secret("cause", secrets[0]);
    await world.instance("Backend", "cause");
    const { resourceVersion } = (await world.secret("cause", secrets[1])).metadata;
    const { roll, event } = await rolled("Backend", "cause", "updated");
    expect(roll.causes).toMatchObject([{ kind: "Secret", name: "cause", resourceVersion }]);
    const [key] = roll.causes[0]?.keys ?? [];
    expect(key).toEqual({ key: "hello", before: expect.any(String), after: expect.any(String) });
    expect(key?.before).not.toBe(key?.after);
    const path = 'spec.template.metadata.annotations["e2e/hash"]';
    expect(roll.changes).toMatchObject([{ kind: "Deployment", name: "cause", why: "changed", paths: [path] }]);
    expect(roll.flight).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(roll.cause).toBe(
      `Secret ${namespace}/cause updated (resourceVersion ${resourceVersion}) → Deployment ${namespace}/cause ${path}`,
    );
    expect(event["related"]).toMatchObject({ kind: "Secret", namespace, name: "cause", resourceVersion });
  });

  it("when its spec was edited", async () => {
    await world.instance("Echo", "edited", { stages: [configMap("edited", "1")] });
    const { resourceVersion } = (await world.applyInstance("Echo", "edited", { stages: [configMap("edited", "2")] }))
      .metadata;
    const { roll } = await rolled("Echo", "edited", "updated");
    expect(roll.causes).toMatchObject([{ kind: "Echo", name: "edited", resourceVersion }]);
    expect(roll.changes).toMatchObject([{ kind: "ConfigMap", why: "changed", paths: ["data.value"] }]);
  });

  it("when somebody changed a child, and when somebody deleted it", async () => {
    await world.instance("Echo", "drifting", { stages: [configMap("drifting", "ours")] });
    const { resourceVersion } = (await world.merge(world.configMap("drifting"), { data: { value: "theirs" } }))
      .metadata;
    const drift = await rolled("Echo", "drifting", "updated");
    expect(drift.roll.causes).toMatchObject([{ kind: "ConfigMap", name: "drifting", resourceVersion }]);
    expect(drift.roll.changes).toMatchObject([{ kind: "ConfigMap", why: "drifted" }]);
    expect(drift.roll.cause).toMatch(/ → ConfigMap e2e-why\/drifting set back$/);
    await world.delete(world.configMap("drifting"));
    const loss = await rolled("Echo", "drifting", "deleted");
    expect(loss.roll.causes).toMatchObject([{ kind: "ConfigMap", name: "drifting" }]);
    expect(loss.roll.changes).toMatchObject([{ kind: "ConfigMap", why: "missing" }]);
    expect(loss.event["note"]).toContain("ConfigMap e2e-why/drifting created");
  });

  it("when its flight changed", async () => {
    const dress = (value: string) =>
      `export default ({ stdin }) => JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap",
        metadata: { name: JSON.parse(stdin).metadata.name }, data: { value: "${value}" } }]);`;
    const airway = await world.airway({ kind: "Dress", flight: dress("red") });
    await world.instance("Dress", "dressed");
    const former = rollsOf(await world.get(world.instanceRef("Dress", "dressed")))[0];
    await world.applyAirway({ kind: "Dress", flight: dress("blue") });
    const { roll } = await rolled("Dress", "dressed", "flight changed");
    expect(roll.causes).toMatchObject([{ kind: "Airway", name: airway, resourceVersion: expect.any(String) }]);
    expect(roll.changes).toMatchObject([{ kind: "ConfigMap", paths: ["data.value"] }]);
    expect(roll.flight).not.toBe(former?.flight);
  });

  it("when the module of a Flight changed", async () => {
    const dress = (value: string) =>
      `export default () => JSON.stringify([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "own" }, data: { value: "${value}" } }]);`;
    const { flight: wasmUrl } = await world.publish("flight-own", dress("red"));
    const own = await applyFlight("own", { wasmUrl });
    await world.ready(own);
    await world.publish("flight-own", dress("blue"));
    const flight = await eventually("the Flight tells of a roll", async () => {
      const found = await world.get(own);
      if (rollsOf(found).length < 2) throw new Error(JSON.stringify(found["status"]));
      return found;
    });
    expect(rollsOf(flight)[0]?.causes).toMatchObject([
      { change: "updated", kind: "ConfigMap", name: "flight-own" },
      { change: "flight changed", kind: "Flight", name: "own" },
    ]);
    expect(rollsOf(flight)[0]?.changes).toMatchObject([{ kind: "ConfigMap", why: "changed", paths: ["data.value"] }]);
  });

  it("when it happened while the controller was away", async () => {
    await world.secret("away", secrets[0]);
    await world.instance("Backend", "away");
    await world.instance("Echo", "hurt", { stages: [configMap("hurt", "ours")] });
    await atc.kept();
    await atc.kill("SIGTERM");
    formerLogs += atc.logs();
    await world.secret("away", secrets[2]);
    await world.merge(world.configMap("hurt"), { data: { value: "theirs" } });
    atc = await startAtc(options);
    const { roll } = await rolled("Backend", "away", "started");
    expect(roll.causes).toMatchObject([{ kind: "Backend", name: "away" }]);
    const path = 'spec.template.metadata.annotations["e2e/hash"]';
    expect(roll.changes).toMatchObject([{ kind: "Deployment", name: "away", why: "changed", paths: [path] }]);
    expect(roll.cause).toBe(`the controller started → Deployment ${namespace}/away ${path}`);
    expect((await rolled("Echo", "hurt", "started")).roll.changes).toMatchObject([
      { kind: "ConfigMap", why: "drifted" },
    ]);
  });
});

describe("a trace", () => {
  it("shows the way of one event, from the watch to the Event", async () => {
    await world.secret("traced", secrets[0]);
    await world.instance("Backend", "traced");
    const { resourceVersion } = (await world.secret("traced", secrets[1])).metadata;
    const parts = await eventually("the trace has come", () => {
      const root = collector.spans.find(
        span =>
          attributesOf(span)["atc.cause.resource_version"] === resourceVersion && span.name.startsWith("reconcile"),
      );
      const spans = collector.spans.filter(({ traceId }) => traceId === root?.traceId);
      if (root === undefined || !spans.some(({ name }) => name === "create Event")) throw new Error("not yet");
      return { root, spans };
    });
    const { root, spans } = parts;
    expect(root.name).toBe("reconcile instance");
    expect(attributesOf(root)).toMatchObject({
      ...{ "atc.airway": `backends.${group}`, "atc.namespace": namespace, "atc.name": "traced" },
      ...{ "atc.cause.change": "updated", "atc.cause.kind": "Secret", "atc.cause.name": "traced" },
      "atc.result": "rendered",
    });
    const names = ["wait", "render", "apply Deployment", "apply Backend/status", "create Event"];
    const [wait, render, ...rest] = names.map(name => spans.find(span => span.name === name));
    expect([wait, render, ...rest].map(span => span?.parentSpanId)).toEqual(names.map(() => root.spanId));
    expect(wait?.startTimeUnixNano).toBe(root.startTimeUnixNano);
    expect(render?.events.map(({ name }) => name)).toEqual(["lookup"]);
    expect(attributesOf(render?.events[0] ?? { attributes: [] })).toEqual({
      ...{ "k8s.kind": "Secret", "k8s.namespace": namespace, "k8s.name": "traced" },
    });
    const starts = [wait, render, rest[0], rest[1]].map(span => BigInt(span?.startTimeUnixNano ?? 0));
    expect(starts).toEqual([...starts].sort((a, b) => (a < b ? -1 : 1)));
  });
});

describe("a secret", () => {
  it("is shown nowhere, not where a flight fails with it either", async () => {
    const leaky = `export default ({ stdin, lookup }) => {
      const { metadata: { name, namespace } } = JSON.parse(stdin);
      const { object } = lookup({ apiVersion: "v1", kind: "Secret", namespace, name });
      throw new Error("cannot use " + object.data.hello + " nor " + atob(object.data.hello));
    };`;
    const withAtob = `const atob = text => { let out = "", bits = 0, held = 0;
      for (const letter of text.replace(/=+$/, "")) {
        held = (held << 6) | "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".indexOf(letter);
        bits += 6;
        if (bits >= 8) { bits -= 8; out += String.fromCharCode((held >> bits) & 255); }
      }
      return out;
    };\n${leaky}`;
    await world.airway({ kind: "Leak", flight: withAtob });
    await world.secret("leak", secrets[3]);
    await world.applyInstance("Leak", "leak");
    const flight = await applyFlight("leak", {
      wasmUrl: `configmap://${namespace}/flight-leaks/flight.js`,
      ...{ clusterAccess: true, resourceAccessMatchers: ["Secret"] },
      input: JSON.stringify({ metadata: { name: "leak", namespace } }),
    });
    for (const leaking of [world.instanceRef("Leak", "leak"), flight]) {
      await world.condition(leaking, ({ message }) => message.includes("[secret]"));
    }
    await eventually("the trace of the failure has come", () => {
      const failed = (span: Span) => attributesOf(span)["error.type"] === "FLIGHT_FAILED";
      if (!collector.spans.some(failed)) throw new Error("not yet");
    });
    const told = [formerLogs, atc.logs(), collector.received()];
    for (const path of ["/metrics", "/readyz"] as const) told.push((await atc.page(path)).body);
    const { discovery } = world.client;
    const kinds = [
      ["yoke.cd/v1alpha1", "Airway"],
      ["yoke.cd/v1alpha1", "Flight"],
      ["events.k8s.io/v1", "Event"],
      ...["Backend", "Echo", "Leak"].map(kind => [`${group}/v1`, kind] as const),
    ] as const;
    for (const [apiVersion, kind] of kinds) {
      const type = await discovery.resolve(apiVersion, kind);
      if (type === undefined) throw new Error(`there is no kind ${kind}`);
      told.push(JSON.stringify((await world.client.list(type, {})).items));
    }
    for (const text of told) expect(text.length).toBeGreaterThan(0);
    for (const value of secrets.flatMap(secret => [secret, base64(secret)]))
      expect(told.join("\n")).not.toContain(value);
  });
});
