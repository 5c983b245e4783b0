import { describe, expect, it } from "vitest";
import { writeRecord } from "../release/record.ts";
import { readRevision, revisionSecret } from "../release/revision.ts";
import { activateRevision, namesOf } from "./history.ts";
import { checkPinned, revisionStages } from "./rollback.ts";
import { release, setUp, source, stage, valueIn } from "./testing/releaseHistory.ts";

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
