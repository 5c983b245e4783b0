import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { flightModuleOf } from "../flight/loader.ts";
import type { KubeObject } from "../kube/object.ts";
import type { EventInput } from "../observe/events.ts";
import { createMetrics } from "../observe/metrics.ts";
import { emptyRecord, type ReleaseRecord, writeRecord } from "../release/record.ts";
import { readRevision, revisionSecret } from "../release/revision.ts";
import {
  activateRevision,
  checkPin,
  emptyHistory,
  flushHistory,
  type HistoryContext,
  namesOf,
  nextRevision,
  recallHistory,
  removeHistory,
  resumeRevision,
  sourceOf,
  storeAfter,
  storeRevisions,
} from "./history.ts";
import { releaseFinalizer } from "./owner.ts";
import { checkPinned, revisionStages } from "./rollback.ts";
import { FakeSecrets } from "./testing/fakeSecrets.ts";

const source = { url: "https://example.com/flight.wasm", checksum: "a".repeat(40) };
const release = "examples.com.Backend.ns.a";
const key = Buffer.from("the controller's own key");

function stage(value: string): KubeObject[][] {
  return [[{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "ns" }, data: { value } }]];
}

function setUp({ cap = 2, secrets = new FakeSecrets(), record = emptyRecord as ReleaseRecord } = {}) {
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

const valueIn = (stages: KubeObject[][]) => (stages.flat()[0] as unknown as { data: { value: string } }).data.value;

describe("the history of a release", () => {
  it("has the latest states, as many as are kept", async () => {
    const { context, subject, secrets, roll, store } = setUp();
    for (const value of ["1", "2", "3"]) {
      await roll(value);
      await store();
    }
    const names = namesOf(subject.state.record.revision);
    expect(new Set(names)).toEqual(new Set(secrets.names));
    const kept = await Promise.all(names.map(name => revisionStages(context, subject, name)));
    expect(kept.map(valueIn)).toEqual(["3", "2"]);
    expect(secrets.requests.filter(request => request.startsWith("list"))).toEqual([]);
  });

  it("names a revision before its Secret is there, and afterwards says that it is", async () => {
    const { subject, secrets, roll, store } = setUp();
    await roll("1");
    expect(subject.state.record.revision).toMatchObject({ pending: true, former: [] });
    expect(secrets.names).toEqual([]);
    await store();
    expect(subject.state.record.revision).toEqual({ name: secrets.names[0], pending: false, former: [] });
  });

  it("makes no revision of the same state, also after a restart", async () => {
    const first = setUp();
    await first.roll("1");
    await first.store();
    await first.roll("1");
    const second = first.restart();
    await second.roll("1");
    expect(second.subject.state.history.pending).toEqual([]);
    expect(second.subject.state.record).toEqual(first.subject.state.record);
    await second.roll("2");
    await second.store();
    expect(second.secrets.names).toHaveLength(2);
  });

  it("does not write what a fast release has left behind already", async () => {
    const { subject, secrets, roll, store, pass } = setUp();
    for (let value = 0; value < 10; value++) await roll(String(value));
    expect(storeAfter(subject.state.history, subject.state.history.pending[1]?.madeAt ?? 0)).toBe(0);
    pass(1_000);
    await store();
    expect(secrets.requests.filter(request => request.startsWith("create"))).toHaveLength(2);
    expect(new Set(namesOf(subject.state.record.revision))).toEqual(new Set(secrets.names));
  });

  it("waits for quiet, but not for ever", async () => {
    const { subject, roll } = setUp();
    expect(storeAfter(subject.state.history, 0)).toBeUndefined();
    await roll("1");
    const { madeAt = 0 } = subject.state.history.pending[0] ?? {};
    expect(storeAfter(subject.state.history, madeAt)).toBe(1_000);
    expect(storeAfter(subject.state.history, madeAt + 400)).toBe(600);
    expect(storeAfter(subject.state.history, madeAt + 5_000)).toBe(0);
    const pressed = true;
    expect(storeAfter(subject.state.history, madeAt + 4_000, pressed)).toBe(6_000);
    expect(storeAfter(subject.state.history, madeAt + 11_000, pressed)).toBe(0);
  });

  it("lost between roll and revision is noticed by the next process", async () => {
    const first = setUp();
    await first.roll("1");
    const second = first.restart();
    expect(await resumeRevision(second.context, second.subject)).toBe(false);
    await second.roll("1");
    await second.store();
    expect(second.secrets.names).toEqual([second.subject.state.record.revision.name]);
  });

  it("is written at a stop, and the next process has nothing to do", async () => {
    const first = setUp();
    await first.roll("1");
    await flushHistory(first.context);
    const second = first.restart();
    expect(await resumeRevision(second.context, second.subject)).toBe(true);
    expect(second.secrets.names).toEqual([second.subject.state.record.revision.name]);
  });

  it("written by a process that died before it could say so is taken as it is", async () => {
    const first = setUp();
    await first.roll("1");
    const intended = first.subject.state.record;
    await first.store();
    const second = setUp({ secrets: first.secrets, record: intended });
    expect(await resumeRevision(second.context, second.subject)).toBe(true);
    await second.roll("1");
    expect(second.subject.state.record.revision).toEqual(first.subject.state.record.revision);
    expect(second.secrets.names).toHaveLength(1);
  });

  it("takes an answer that was lost for what it was", async () => {
    const { subject, secrets, roll, store } = setUp();
    await roll("1");
    const [pending] = subject.state.history.pending;
    if (pending !== undefined) secrets.secrets.set(pending.secret.metadata.name, pending.secret);
    await store();
    expect(subject.state.record.revision).toEqual({ name: secrets.names[0], pending: false, former: [] });
  });

  it("tries again when the API server is in trouble", async () => {
    const { subject, secrets, roll, store } = setUp();
    await roll("1");
    secrets.refusals.set("create", 503);
    await expect(store()).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
    expect(subject.state.record.revision.pending).toBe(true);
    secrets.refusals.clear();
    await store();
    expect(secrets.names).toHaveLength(1);
  });

  it("that may not be kept is said once, and stops nothing", async () => {
    const { subject, secrets, events, roll, store } = setUp();
    for (const verb of ["get", "list", "create", "delete"]) secrets.refusals.set(verb, 403);
    await roll("1");
    await store();
    expect(subject.state.record.revision).toMatchObject({ name: "", pending: false });
    expect(subject.state.record.revision.problem).toMatch(/not kept in the history.*\(KUBE_FORBIDDEN\)/);
    expect(events).toMatchObject([{ type: "Warning", reason: "HistoryNotKept" }]);
    await roll("1");
    expect(subject.state.history.pending).toEqual([]);
    secrets.refusals.clear();
    await roll("2");
    await store();
    expect(subject.state.record.revision).toEqual({ name: secrets.names[0], pending: false, former: [] });
  });

  it("of a state that no Secret has room for is refused before it is sent", async () => {
    const { subject, secrets, events, roll } = setUp();
    await roll(randomBytes(1024 * 1024).toString("base64"));
    expect(subject.state.record.revision.problem).toContain("RELEASE_REVISION_TOO_LARGE");
    expect(events).toHaveLength(1);
    expect(secrets.requests).toEqual([]);
  });

  it("keeps what it could not delete on its list", async () => {
    const { subject, secrets, roll, store } = setUp({ cap: 1 });
    await roll("1");
    await store();
    secrets.refusals.set("delete", 403);
    await roll("2");
    await store();
    expect(namesOf(subject.state.record.revision)).toHaveLength(2);
    secrets.refusals.clear();
    await roll("3");
    await store();
    expect(secrets.names).toEqual([subject.state.record.revision.name]);
  });
});

describe("the end of a release", () => {
  it("takes its revisions along", async () => {
    const { context, subject, secrets, roll, store } = setUp();
    for (const value of ["1", "2"]) {
      await roll(value);
      await store();
    }
    await removeHistory(context, subject);
    expect(secrets.names).toEqual([]);
  });

  it("touches nothing that only its record calls a revision", async () => {
    const foreign = { apiVersion: "v1", kind: "Secret", metadata: { name: "yoke.00000000000f", uid: "u" } };
    const secrets = new FakeSecrets();
    secrets.secrets.set(foreign.metadata.name, foreign);
    const other = revisionSecret({
      ...{ name: "yoke.0000000000aa", namespace: "ns", release: "another", at: 0 },
      ...{ source, stages: [], key },
    });
    secrets.secrets.set(other.metadata.name, other);
    const revision = { name: foreign.metadata.name, pending: false, former: [other.metadata.name] };
    const { context, subject } = setUp({ secrets, record: { ...emptyRecord, flight: "sha256:x", revision } });
    await removeHistory(context, subject);
    expect(secrets.names).toEqual([foreign.metadata.name, other.metadata.name]);
  });
});

describe("what yoke kept", () => {
  function inherited() {
    const secrets = new FakeSecrets();
    const made = (name: string, at: number) =>
      revisionSecret({ name, namespace: "ns", release, at, source, stages: stage(name), key: Buffer.from("yoke's") });
    const newer = made("yoke.000000000002", 2_000);
    const labels = { ...newer.metadata.labels, "internal.yoke/release": release };
    secrets.secrets.set("yoke.000000000001", made("yoke.000000000001", 1_000));
    secrets.secrets.set("yoke.000000000002", { ...newer, metadata: { ...newer.metadata, labels } });
    const all = setUp({ secrets });
    all.subject.object.metadata.finalizers = [releaseFinalizer];
    return all;
  }

  it("goes on, with the labels of today", async () => {
    const { subject, secrets, roll, store } = inherited();
    await roll("new");
    await store();
    expect(secrets.requests.filter(request => request.startsWith("list"))).toHaveLength(1);
    const { name } = subject.state.record.revision;
    expect(secrets.names).toEqual(["yoke.000000000002", name]);
    const relabelled = secrets.secrets.get("yoke.000000000002")?.metadata.labels?.["internal.yoke/release"];
    expect(relabelled).toMatch(/^[0-9a-f]{40}$/);
  });

  it("is not applied", async () => {
    const { context, subject } = inherited();
    await recallHistory(context, subject);
    const refused = revisionStages(context, subject, "yoke.000000000002");
    await expect(refused).rejects.toMatchObject({ code: "RELEASE_REVISION_FORGED" });
  });

  it("keeps no release from its end that never had a render, where the controller may not list Secrets", async () => {
    const { context, subject, secrets } = inherited();
    secrets.refusals.set("list", 403);
    await removeHistory(context, subject);
    expect(secrets.names).toHaveLength(2);
  });

  it("goes with the release", async () => {
    const { context, subject, secrets } = inherited();
    await removeHistory(context, subject);
    expect(secrets.names).toEqual([]);
  });
});

describe("a rollback", () => {
  it("makes the revision active and deletes none", async () => {
    const { context, subject, secrets, roll, store, pass } = setUp();
    for (const value of ["1", "2"]) {
      await roll(value);
      await store();
    }
    const [second = "", first = ""] = namesOf(subject.state.record.revision);
    const stages = await revisionStages(context, subject, first);
    expect(valueIn(stages)).toBe("1");
    pass(5_000);
    const revision = await activateRevision(context, subject, first, stages);
    subject.state.record = { ...subject.state.record, revision };
    expect(revision).toEqual({ name: first, pending: false, former: [second] });
    const activeAt = (name: string) => {
      const secret = secrets.secrets.get(name);
      return secret === undefined ? "" : readRevision(secret).activeAt;
    };
    expect(activeAt(first) > activeAt(second)).toBe(true);
    await activateRevision(context, subject, first, stages);
    expect(secrets.requests.filter(request => request.startsWith("patch"))).toHaveLength(1);
    // What is rendered again afterwards is what was active before.
    await roll("2");
    await store();
    expect(namesOf(subject.state.record.revision)).toHaveLength(2);
    expect(valueIn(await revisionStages(context, subject, subject.state.record.revision.name))).toBe("2");
  });

  it("can name a revision whose Secret is not written yet", async () => {
    const { context, subject, roll } = setUp();
    await roll("1");
    expect(valueIn(await revisionStages(context, subject, subject.state.record.revision.name))).toBe("1");
  });

  it("makes a revision active whose Secret is not written yet", async () => {
    const { context, subject, secrets, roll, store } = setUp();
    await roll("1");
    await roll("2");
    const [second = "", first = ""] = namesOf(subject.state.record.revision);
    const revision = await activateRevision(context, subject, first, await revisionStages(context, subject, first));
    expect(revision).toEqual({ name: first, pending: true, former: [second] });
    subject.state.record = { ...subject.state.record, revision };
    await store();
    expect(namesOf(subject.state.record.revision)).toEqual([first, second]);
    const [older = "", newer = ""] = [second, first].map(name => {
      const secret = secrets.secrets.get(name);
      return secret === undefined ? "" : readRevision(secret).activeAt;
    });
    expect(newer >= older).toBe(true);
    expect(newer).not.toBe("");
  });

  it.each(["yoke.ffffffffffff", "password", "../a"])("to %s says which revisions there are", async name => {
    const { context, subject, secrets, roll, store } = setUp();
    secrets.secrets.set("password", { apiVersion: "v1", kind: "Secret", metadata: { name: "password" } });
    await roll("1");
    await store();
    const { name: known } = subject.state.record.revision;
    await expect(revisionStages(context, subject, name)).rejects.toThrow(
      `this release has no revision "${name}"; it has ${known}`,
    );
  });

  it("is reviewed by what the status tells", async () => {
    const { subject, roll } = setUp();
    await roll("1");
    const owner = { ...subject.object, status: { atc: writeRecord(subject.state.record) } };
    const { name } = subject.state.record.revision;
    expect(() => checkPinned(owner, name)).not.toThrow();
    expect(() => checkPinned(owner, "yoke.ffffffffffff")).toThrow(`it has ${name}`);
    expect(() => checkPinned(subject.object, name)).toThrow("it has none");
  });

  it("to what somebody else wrote is refused", async () => {
    const { context, subject, secrets, roll, store } = setUp();
    await roll("1");
    await store();
    const { name } = subject.state.record.revision;
    const forged = revisionSecret({
      ...{ name, namespace: "ns", release, at: 0 },
      ...{ source, stages: stage("mine"), key: Buffer.from("not the controller's") },
    });
    secrets.secrets.set(name, forged);
    const refused = revisionStages(context, subject, name);
    await expect(refused).rejects.toMatchObject({ code: "RELEASE_REVISION_FORGED" });
  });
});

describe("a module at a URL that must not move", () => {
  const module = (bytes: string) => flightModuleOf(Buffer.from(bytes));
  const used = (bytes: string, more: { url?: string; checksum?: string } = {}) => ({
    ...{ module: module(bytes), moduleUrl: more.url ?? source.url, moduleChecksum: more.checksum },
  });

  async function rolledBy(bytes: string, url?: string) {
    const all = setUp();
    await recallHistory(all.context, all.subject);
    const made = sourceOf(used(bytes, url === undefined ? {} : { url }));
    const revision = await nextRevision(all.context, all.subject, { stages: stage("1"), source: made, cap: 2 });
    all.subject.state.record = { ...all.subject.state.record, flight: "sha256:x", revision };
    await all.store();
    return all.restart();
  }

  it("is the one that the release used last, or is refused", async () => {
    const { context, subject, secrets } = await rolledBy("one");
    await checkPin(context, subject, used("one"));
    await expect(checkPin(context, subject, used("other"))).rejects.toThrow(
      `module "${source.url}" has changed since last use`,
    );
    await checkPin(context, subject, used("other", { url: "https://example.com/elsewhere.wasm" }));
    expect(secrets.requests.filter(request => request.startsWith("get"))).toHaveLength(1);
  });

  it("may change where its new checksum is given, and is what was used last from then on", async () => {
    const { context, subject } = await rolledBy("one");
    const meant = used("other", { checksum: module("other").digest });
    await checkPin(context, subject, meant);
    await recallHistory(context, subject);
    const made = { stages: stage("2"), source: sourceOf(meant), cap: 2 };
    subject.state.record = {
      ...subject.state.record,
      revision: await nextRevision(context, subject, made),
    };
    await checkPin(context, subject, used("other"));
    await expect(checkPin(context, subject, used("one"))).rejects.toMatchObject({ code: "MODULE_CHANGED" });
  });

  it.each(["configmap://ns/flight/flight.js", "/flight.wasm", "oci://example.com/flight:latest"])(
    "is not meant by %s",
    async url => {
      const { context, subject, secrets } = await rolledBy("one", url);
      secrets.requests.length = 0;
      await checkPin(context, subject, used("other", { url }));
      expect(secrets.requests).toEqual([]);
    },
  );
});
