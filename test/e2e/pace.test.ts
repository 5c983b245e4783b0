/** No storm: releases that never come to rest, and those that want fewer rolls, on a real API server. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, hashOf } from "./support/flights.ts";
import { type Condition, hashOn, World } from "./support/world.ts";

const burst = 5;
const world = new World(inject("kubeconfig"), "pace");
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig: inject("kubeconfig"), env: { RENDER_BURST: String(burst) } });
  await world.open();
  await world.airway({ kind: "Backend", flight: backend });
});

afterAll(() => world.close().finally(() => atc.kill("SIGTERM")));

function pacedOf(object: KubeObject): Condition | undefined {
  const { conditions = [] } = (object["status"] ?? {}) as { conditions?: (Condition & { type: string })[] };
  return conditions.find(({ type }) => type === "Paced");
}

function paced(name: string, status: "True" | "False"): Promise<Condition> {
  const check = async () => {
    const condition = pacedOf(await world.get(world.instanceRef("Backend", name)));
    if (condition?.status !== status) throw new Error(JSON.stringify(condition));
    return condition;
  };
  return eventually(`the Paced condition of ${name} is ${status}`, check, untilTheLongestPauseIsOver);
}

/** A pause doubles with each render, up to half a minute; twice as long a release must be quiet. */
const untilTheLongestPauseIsOver = { timeoutMs: 120_000 };

function rolledTo(name: string, value: string): Promise<void> {
  return eventually(
    `Deployment ${name} has the hash of ${value}`,
    () => expectHash(name, value),
    untilTheLongestPauseIsOver,
  );
}

async function expectHash(name: string, value: string): Promise<void> {
  const hash = hashOf({ hello: Buffer.from(value).toString("base64") });
  expect(hashOn(await world.get(world.deployment(name)))).toBe(hash);
}

const rendered = () => atc.metric("atc_renders_total", { result: "rendered" });

describe("a Secret that is written without end", () => {
  it("slows its instance down, not others; it ends by itself with the last state applied", async () => {
    await world.secret("busy", "0");
    await world.instance("Backend", "busy");
    await world.secret("calm", "0");
    await world.instance("Backend", "calm");
    const before = await rendered();
    let writes = 0;
    while (pacedOf(await world.get(world.instanceRef("Backend", "busy")))?.status !== "True") {
      await world.secret("busy", String(++writes));
    }
    for (let more = 0; more < 30; more++) await world.secret("busy", String(++writes));
    expect(await atc.metric("atc_breaker_open")).toBe(1);
    await world.secret("calm", "1");
    await eventually("the other one rolls", async () => {
      // So that it is slowed down for as long as the other one takes.
      await world.secret("busy", String(++writes));
      await expectHash("calm", "1");
    });
    const { reason, message } = await paced("busy", "True");
    expect(reason).toBe("Spinning");
    expect(message).toMatch(/^Secret e2e-pace\/busy updated .* s apart/);
    await eventually("an Event tells of it", async () =>
      expect(await world.events("busy")).toContainEqual(expect.stringMatching(/^Spinning: /)),
    );
    await rolledTo("busy", String(writes));
    await paced("busy", "False");
    expect(await atc.metric("atc_breaker_open")).toBe(0);
    expect((await rendered()) - before).toBeLessThan(writes / 2);
  });
});

describe("two controllers that fight over a field", () => {
  it("come to fewer and fewer rounds", async () => {
    await world.secret("fought", "0");
    await world.instance("Backend", "fought");
    let rounds = 0;
    while (pacedOf(await world.get(world.instanceRef("Backend", "fought")))?.status !== "True") {
      await world.merge(world.deployment("fought"), { spec: { replicas: 3 + (rounds++ % 2) } });
    }
    await eventually("the last word is the flight's", async () => {
      const { spec } = (await world.get(world.deployment("fought"))) as unknown as { spec: { replicas: number } };
      expect(spec.replicas).toBe(1);
    });
    await paced("fought", "False");
  });
});

describe("a minimum interval between rolls", () => {
  it("holds a changed Secret back, shows it as pending, and rolls when the time has come; edits go at once", async () => {
    await world.secret("patient", "0");
    await world.instance("Backend", "patient");
    const annotate = (interval: string) =>
      world.merge(world.instanceRef("Backend", "patient"), {
        metadata: { annotations: { "atc.yoke.cd/min-roll-interval": interval } },
      });
    await atc.rendersAfter(`backends.${world.group}`, () => annotate("1h"));
    await world.secret("patient", "1");
    const pending = await paced("patient", "True");
    expect(pending.reason).toBe("MinRollInterval");
    expect(pending.message).toMatch(/^Secret e2e-pace\/patient updated .* it rolls at .*, 3600 s after the last roll$/);
    await expectHash("patient", "0");
    // A shorter interval is an edit of the instance: it takes the pending change along.
    await annotate("1s");
    await rolledTo("patient", "1");
    await paced("patient", "False");
    await world.secret("patient", "2");
    await rolledTo("patient", "2");
  });

  it("that is no duration is refused with the text", async () => {
    await world.secret("typo", "0");
    await world.instance("Backend", "typo");
    const ref = world.instanceRef("Backend", "typo");
    await world.merge(ref, { metadata: { annotations: { "atc.yoke.cd/min-roll-interval": "soon" } } });
    await world.condition(ref, ({ message }) => message.includes('"soon" is no duration'));
  });
});
