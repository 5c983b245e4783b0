import { describe, expect, it } from "vitest";
import { revisionSecret } from "../release/revision.ts";
import { recallHistory, removeHistory } from "./history.ts";
import { releaseFinalizer } from "./owner.ts";
import { revisionStages } from "./rollback.ts";
import { FakeSecrets } from "./testing/fakeSecrets.ts";
import { release, setUp, source, stage } from "./testing/releaseHistory.ts";

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
