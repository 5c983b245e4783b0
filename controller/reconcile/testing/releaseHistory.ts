/** A release with a history, over Secrets in memory. */
import type { KubeObject } from "../../kube/object.ts";
import type { EventInput } from "../../observe/events.ts";
import { createMetrics } from "../../observe/metrics.ts";
import { emptyRecord, type ReleaseRecord } from "../../release/record.ts";
import { emptyHistory, type HistoryContext, nextRevision, recallHistory, storeRevisions } from "../history.ts";
import { FakeSecrets } from "./fakeSecrets.ts";

export const source = { url: "https://example.com/flight.wasm", checksum: "a".repeat(40) };
export const release = "examples.com.Backend.ns.a";
export const key = Buffer.from("the controller's own key");

export function stage(value: string): KubeObject[][] {
  return [[{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "ns" }, data: { value } }]];
}

export function setUp({ cap = 2, secrets = new FakeSecrets(), record = emptyRecord as ReleaseRecord } = {}) {
  let now = Date.UTC(2026, 0, 1);
  const events: EventInput[] = [];
  const context: HistoryContext = {
    client: secrets.client,
    keyring: { key: async () => key },
    events: { record: (_, event) => void events.push(event), flush: async () => undefined },
    log: { warn: () => undefined },
    metrics: createMetrics(),
    unwritten: new Set(),
    now: () => now,
  };
  const object: KubeObject = { apiVersion: "examples.com/v1", kind: "Backend", metadata: { name: "a" } };
  const subject = { object, name: { history: release, namespace: "ns" }, state: { record, history: emptyHistory() } };

  /** A complete run that rendered this; what follows it behind the roll is up to the test. */
  async function roll(value: string): Promise<void> {
    now += 60_000;
    await recallHistory(context, subject);
    const revision = await nextRevision(context, subject, { stages: stage(value), source, cap });
    subject.state.record = { ...subject.state.record, flight: "sha256:x", revision };
  }
  const store = () => storeRevisions(context, subject, cap);
  /** Another process takes over with what the status says. */
  const restart = () => setUp({ cap, secrets, record: subject.state.record });
  return { context, subject, secrets, events, roll, store, restart, pass: (ms: number) => (now += ms) };
}

export const valueIn = (stages: KubeObject[][]) =>
  (stages.flat()[0] as unknown as { data: { value: string } }).data.value;
