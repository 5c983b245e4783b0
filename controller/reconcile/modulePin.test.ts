import { describe, expect, it } from "vitest";
import { flightModuleOf } from "../flight/loader.ts";
import { nextRevision, recallHistory } from "./history.ts";
import { checkPin, sourceOf } from "./modulePin.ts";
import { setUp, source, stage } from "./testing/releaseHistory.ts";

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
