import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KubeClient } from "../kube/client.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { changesBetween, changesOf } from "./changes.ts";
import { changesText } from "./changesText.ts";
import { createCurtain } from "./curtain.ts";

// Or it would be coloured where tests run in a terminal.
beforeEach(() => void vi.stubEnv("FORCE_COLOR", "0"));
afterEach(() => void vi.unstubAllEnvs());

const annotations = { "instance.atc.yoke.cd/release": "r", "instance.atc.yoke.cd/namespace": "n" };
const name = { release: "r", namespace: "n", owner: "n/r", history: "r" };
const prune = { crds: false, namespaces: false };

function configMap(at: string, value: string, metadata: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: at, namespace: "n", annotations, ...metadata },
    data: { value },
  };
}

/** What is applied is what is there afterwards. */
function clientWith(live: readonly KubeObject[]): KubeClient {
  const client = {
    discovery: { resolve: async () => ({}) },
    get: async (ref: ObjectRef) => live.find(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.name),
    apply: async (object: KubeObject, { dryRun }: { dryRun?: boolean }) => {
      expect(dryRun).toBe(true);
      return {
        object: { ...object, metadata: { ...object.metadata, resourceVersion: "9", uid: "u" } },
        created: false,
      };
    },
  };
  return client as unknown as KubeClient;
}

describe("changes in a cluster", () => {
  it("are what a dry-run makes different from the live objects, and nothing of the server's own", async () => {
    const live = [
      configMap("same", "1", { resourceVersion: "3", uid: "u", generation: 2, managedFields: [] }),
      configMap("other", "1"),
      configMap("gone", "1"),
      { ...configMap("kept", ""), kind: "Namespace" },
      configMap("foreign", "1", { annotations: {} }),
    ];
    const inventory = live.map(({ apiVersion, kind, metadata }) => ({
      ...{ apiVersion, kind, namespace: kind === "Namespace" ? "" : "n", name: metadata.name, stage: 0 },
    }));
    const stages = [[configMap("same", "1"), configMap("other", "2"), configMap("new", "1")]];
    const changes = await changesOf(clientWith(live), { name, prune, stages, inventory }, createCurtain());
    expect(changes.map(({ object, change, paths }) => [object.name, change, paths])).toEqual([
      ["other", "update", ["data.value"]],
      ["new", "create", []],
      ["gone", "remove", []],
      ["kept", "release", []],
    ]);
    expect(changes[0]?.diff).toContain('-  value: "1"\n+  value: "2"');
  });

  it("are refused where another release owns the object", async () => {
    const other = { "instance.atc.yoke.cd/release": "q", "instance.atc.yoke.cd/namespace": "n" };
    const live = [configMap("taken", "1", { annotations: other })];
    const stages = [[configMap("taken", "1")]];
    const changes = await changesOf(clientWith(live), { name, prune, stages, inventory: [] }, createCurtain());
    expect(changesText(changes)).toMatch(
      /ConfigMap n\/taken is refused\n.*already owned by "n\/q"\n.*RELEASE_OWNED_BY_OTHER/,
    );
  });

  it("tell where a hidden value is all that differs", () => {
    const secret = (value: string): KubeObject => {
      const data = { password: Buffer.from(value).toString("base64") };
      return { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, data };
    };
    const before = [secret("first value"), configMap("url", "me:first value")];
    const after = [secret("second value"), configMap("url", "me:second value")];
    const text = changesText(changesBetween(before, after, createCurtain()));
    expect(text).toMatch(/- {2}password: \(hidden, \S+\)\n\+ {2}password: \(hidden, \S+\)/);
    expect(text).toContain("ConfigMap n/url would change\n  values that are hidden differ, at data.value");
    expect(text).not.toMatch(/first|second/);
  });
});
