import { createHash, randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import {
  activation,
  byActivity,
  isAuthentic,
  isRevisionName,
  isRevisionOf,
  newRevisionName,
  type Revision,
  readRevision,
  readStages,
  relabelling,
  revisionSecret,
  revisionSelector,
} from "./revision.ts";

const key = Buffer.from("a key of the controller");
const release = "examples.com.Backend.default.nginx";
const sha1 = createHash("sha1").update(release).digest("hex");

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

function secretOf(stages: KubeObject[][]): KubeObject {
  const source = { url: "https://example.com/flight.wasm", checksum: "0".repeat(40) };
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  return revisionSecret({ name: "yoke.0123456789ab", namespace: "default", release, at, source, stages, key });
}

function withContent(secret: KubeObject, content: Buffer): KubeObject {
  return { ...secret, data: { resources: content.toString("base64") } };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return "none";
}

describe("a revision", () => {
  it("is a Secret as yoke writes it", () => {
    const stages = [[configMap("one")], [configMap("two"), configMap("three")]];
    const secret = secretOf(stages);
    expect(secret).toMatchObject({
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: {
        name: "yoke.0123456789ab",
        namespace: "default",
        labels: { "internal.yoke/kind": "revision", "internal.yoke/release": sha1 },
        annotations: {
          "internal.yoke/release-name": release,
          "internal.yoke/created-at": "2026-01-02T03:04:05.006000000Z",
          "internal.yoke/active-at": "2026-01-02T03:04:05.006000000Z",
          "internal.yoke/resources": "3",
          "internal.yoke/source-url": "https://example.com/flight.wasm",
          "internal.yoke/source-checksum": "0".repeat(40),
        },
      },
    });
    const { resources } = secret["data"] as { resources: string };
    expect(JSON.parse(gunzipSync(Buffer.from(resources, "base64")).toString())).toEqual(stages);
    expect(readRevision(secret)).toMatchObject({ release, resources: 3, source: { checksum: "0".repeat(40) } });
    expect(readStages(secret)).toEqual(stages);
  });

  it("has a name of twelve hexadecimal digits", () => {
    expect(newRevisionName()).toSatisfy(isRevisionName);
    expect(newRevisionName()).not.toBe(newRevisionName());
    for (const name of ["yoke.0123", "yoke.0123456789AB", "other.0123456789ab", "../yoke.0123456789ab"])
      expect(isRevisionName(name)).toBe(false);
  });

  it("is refused before it is sent when a Secret has no room for it", () => {
    const stages = [[configMap("big", { noise: randomBytes(1024 * 1024).toString("base64") })]];
    expect(codeOf(() => secretOf(stages))).toBe("RELEASE_REVISION_TOO_LARGE");
  });

  it("of another release, name, namespace or other content is not believed", () => {
    const secret = secretOf([[configMap("one")]]);
    const { metadata } = secret;
    const elsewhere = { ...secret, metadata: { ...metadata, namespace: "other" } };
    const renamed = { ...secret, metadata: { ...metadata, name: newRevisionName() } };
    const unsigned = { ...secret, metadata: { ...metadata, annotations: { "internal.yoke/release-name": release } } };
    const forged = withContent(secret, gzipSync("[]"));
    const unlabelled = { ...secret, metadata: { ...metadata, labels: {} } };
    for (const other of [elsewhere, renamed, unsigned, forged, unlabelled])
      expect(isAuthentic(other, release, key)).toBe(false);
    expect(isAuthentic(secret, "another", key)).toBe(false);
    expect(isAuthentic(secret, release, randomBytes(32))).toBe(false);
    expect(isAuthentic(secret, release, key)).toBe(true);
  });

  it("of yoke's early days is found by its plain name and gets the labels of today", () => {
    const metadata = { name: "yoke.0123456789ab", labels: { "internal.yoke/kind": "revision" } };
    const labelled = (name: string) => ({ ...metadata, labels: { ...metadata.labels, "internal.yoke/release": name } });
    const old = { apiVersion: "v1", kind: "Secret", metadata: labelled(release) };
    expect(isRevisionOf(old, release)).toBe(true);
    expect(revisionSelector(release)).toContain(`in (${sha1},${release})`);
    expect(relabelling(old)).toEqual({
      metadata: {
        labels: { "internal.yoke/release": sha1 },
        annotations: { "internal.yoke/release-name": release },
      },
    });
    expect(relabelling(secretOf([]))).toBeUndefined();
  });

  it("is selected by its hash alone where its name is no label value", () => {
    expect(revisionSelector("default/Flight.yoke.cd:one")).not.toContain("/Flight");
  });

  it("is active when it was activated last", () => {
    const revision = (name: string, createdAt: string, activeAt: string): Revision => ({
      ...{ name, uid: "", release, createdAt, activeAt },
      ...{ resources: 0, source: { url: "", checksum: "" } },
    });
    const { metadata } = activation(Date.UTC(2026, 5, 1)) as { metadata: { annotations: Record<string, string> } };
    const again = metadata.annotations["internal.yoke/active-at"] ?? "";
    const sorted = byActivity([
      revision("broken", "soon", "soon"),
      revision("old", "2026-01-01T00:00:00Z", again),
      revision("newer", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    ]);
    expect(sorted.map(({ name }) => name)).toEqual(["old", "newer", "broken"]);
  });
});

describe("what a stored revision may hold", () => {
  const holding = (content: Buffer) => withContent(secretOf([]), content);

  it("is anything: stages, or an error that says why", () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map(array => Buffer.from(array));
    const json = fc.json().map(text => Buffer.from(text));
    const content = fc.oneof(bytes, json, bytes.map(gzipped), json.map(gzipped), json.map(cut));
    fc.assert(
      fc.property(content, given => {
        const code = codeOf(() => readStages(holding(given)));
        expect(["none", "RELEASE_REVISION_UNREADABLE"]).toContain(code);
      }),
      { numRuns: 2000 },
    );
  });

  it("is unpacked to a bounded size", () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024, "["));
    expect(codeOf(() => readStages(holding(bomb)))).toBe("RELEASE_REVISION_UNREADABLE");
  });

  it("is plain JSON, too", () => {
    const plain = Buffer.from(JSON.stringify([[configMap("one")]]));
    expect(readStages(holding(plain))).toEqual([[configMap("one")]]);
  });

  it("is not quoted in an error", () => {
    const secret = holding(Buffer.from('[{"password": "hunter2" oops'));
    expect(() => readStages(secret)).toThrow(/cannot be read/);
    expect(() => readStages(secret)).not.toThrow(/hunter2/);
  });
});

function gzipped(content: Buffer): Buffer {
  return gzipSync(content);
}

function cut(content: Buffer): Buffer {
  const packed = gzipSync(content);
  return packed.subarray(0, packed.length - 5);
}
