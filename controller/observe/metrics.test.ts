import { describe, expect, test } from "vitest";
import { createMetrics, type Readings } from "./metrics.ts";

const readings: Readings = {
  watches: 3,
  watchAges: new Map([["Secret", 1_500]]),
  watchedObjects: 12,
  queued: 1,
  running: 2,
  failing: 0,
  oldestQueueWaitSeconds: 0,
  openBreakers: 0,
  instances: 7,
  pendingRevisions: 0,
  sandboxWorkers: 2,
  sandboxBusy: 1,
  sandboxWaiting: 0,
  sandboxLongestWaitSeconds: 0,
  sandboxLost: 4,
};

async function values(page: Promise<string>): Promise<Map<string, string>> {
  const lines = (await page).split("\n").filter(line => line !== "" && !line.startsWith("#"));
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));
}

describe("the page", () => {
  test("shows what was counted", async () => {
    const metrics = createMetrics();
    metrics.renders.inc({ airway: "a", result: "rendered" });
    metrics.applies.inc({ result: "unchanged" }, 3);
    metrics.eventToPatchSeconds.observe({ airway: "a" }, 0.025);
    const page = await values(metrics.page());
    expect(page.get('atc_renders_total{airway="a",result="rendered"}')).toBe("1");
    expect(page.get('atc_applies_total{result="unchanged"}')).toBe("3");
    expect(page.get('atc_event_to_patch_seconds_bucket{le="0.02",airway="a"}')).toBe("0");
    expect(page.get('atc_event_to_patch_seconds_bucket{le="0.03",airway="a"}')).toBe("1");
  });

  test("reads the gauges when it is asked for, and not before", async () => {
    const metrics = createMetrics();
    let reads = 0;
    let now = readings;
    metrics.readFrom(() => {
      reads++;
      return now;
    });
    expect(reads).toBe(0);
    expect((await values(metrics.page())).get('atc_watch_age_seconds{kind="Secret"}')).toBe("1.5");
    now = { ...readings, watchAges: new Map([["Deployment.apps", 4_000]]), queued: 9 };
    const page = await values(metrics.page());
    const names = ['atc_watch_age_seconds{kind="Deployment.apps"}', "atc_queue_depth", "atc_instances"];
    expect(names.map(name => page.get(name))).toEqual(["4", "9", "7"]);
    expect(page.has('atc_watch_age_seconds{kind="Secret"}')).toBe(false);
  });

  test("tells when the certificate ends, where there is one", async () => {
    const metrics = createMetrics();
    const name = "atc_certificate_expiry_timestamp_seconds";
    expect((await values(metrics.page())).has(name)).toBe(false);
    let certificateExpiry: number | undefined = 1_700_000_000_500;
    metrics.readWebhooksFrom({ certificateExpiry: () => certificateExpiry, unregistered: () => 0 });
    expect((await values(metrics.page())).get(name)).toBe("1700000000.5");
    certificateExpiry = undefined;
    expect((await values(metrics.page())).has(name)).toBe(false);
  });

  test("tells how many configurations of webhooks are not registered, and none where there are none", async () => {
    const metrics = createMetrics();
    const name = "atc_webhook_configurations_unregistered";
    expect((await values(metrics.page())).get(name)).toBe("0");
    metrics.readWebhooksFrom({ certificateExpiry: () => undefined, unregistered: () => 2 });
    expect((await values(metrics.page())).get(name)).toBe("2");
  });

  test("counts lost workers as the sandbox does, however often it is read", async () => {
    const metrics = createMetrics();
    metrics.readFrom(() => readings);
    for (let read = 0; read < 2; read++) {
      expect((await values(metrics.page())).get("atc_sandbox_lost_total")).toBe("4");
    }
  });

  test("is there before anyone gave readings", async () => {
    expect((await values(createMetrics().page())).get("atc_watches")).toBe("0");
  });

  test("holds the process's own numbers, of this registry only", async () => {
    const [first, second] = [createMetrics(), createMetrics()];
    first.renders.inc({ airway: "a", result: "failed" });
    const page = await values(second.page());
    expect(page.get("process_resident_memory_bytes")).toBeDefined();
    expect([...page.keys()].some(name => name.startsWith("atc_renders_total"))).toBe(false);
  });
});
