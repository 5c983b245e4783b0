import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { emptyRecord } from "../release/record.ts";
import { revisionSecret } from "../release/revision.ts";
import { flushHistory, namesOf, removeHistory, resumeRevision, storeAfter } from "./history.ts";
import { revisionStages } from "./rollback.ts";
import { FakeSecrets } from "./testing/fakeSecrets.ts";
import { key, setUp, source, valueIn } from "./testing/releaseHistory.ts";

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
