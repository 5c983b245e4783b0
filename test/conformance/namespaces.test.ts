/** Releases over several namespaces, and what of a release stays when it ends. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ObjectRef } from "../../controller/kube/object.ts";
import { eventually } from "../e2e/support/eventually.ts";
import { refusal, Stage } from "./support/stage.ts";

const stage = new Stage("namespaces");
const copies = ["foo", "bar"].map(namespace => stage.ref("v1", "ConfigMap", "cm", namespace));
const multiple = "Multiple namespaces detected (if desired enable multinamespace releases)";

beforeAll(async () => {
  await stage.open();
  for (const name of ["foo", "bar"]) await stage.namespaceOf(name);
});
afterAll(() => stage.close());

const bothThere = () => Promise.all(copies.map(ref => stage.get(ref)));

test("C14 a namespaced custom resource may not render into other namespaces", async () => {
  await stage.define("Crosser", "crossnamespace");
  expect(await refusal(stage.put(stage.custom("Crosser", "c14"), {}))).toContain(multiple);
});

test("C15 a custom resource of the cluster may render into several namespaces", async () => {
  const c15 = stage.custom("WideCrosser", "c15", "");
  await stage.define(c15.kind, "crossnamespace", { scope: "Cluster" });
  await stage.put(c15, {});
  await eventually("both are there", bothThere);
  await stage.delete(c15);
  await stage.gone(c15);
});

test("C16 in mode dynamic objects in two namespaces come back when both are deleted", async () => {
  await stage.define("Dynamic", "crossnamespace", { scope: "Cluster", spec: { mode: "dynamic" } });
  await stage.put(stage.custom("Dynamic", "c16", ""), {});
  const before = await eventually("both are there", bothThere);
  await Promise.all(copies.map(ref => stage.delete(ref)));
  const back = async () => {
    const now = await bothThere();
    for (const [at, { metadata }] of now.entries()) {
      expect(metadata.uid).not.toBe(before[at]?.metadata.uid);
      expect(metadata.deletionTimestamp).toBeUndefined();
    }
  };
  await eventually("both are back", back);
});

const leftovers = [
  stage.ref("v1", "Namespace", "prune", ""),
  stage.ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "prunes.test.com", ""),
];

/** `<namespace>/<release>` of the release that owns it; empty when none does. */
async function ownerKey(ref: ObjectRef): Promise<string> {
  const { annotations = {} } = (await stage.get(ref)).metadata;
  const [namespace, release] = ["namespace", "release"].map(name => annotations[`instance.atc.yoke.cd/${name}`]);
  return namespace === undefined || release === undefined ? "" : `${namespace}/${release}`;
}

const owned = () =>
  eventually("the release owns both", async () => {
    for (const ref of leftovers) expect(await ownerKey(ref)).toBe("default/examples.com.Test.test");
  });
const test_ = stage.custom("Test", "test", "");

test("C35 a Namespace and a CRD outlive their release, without its marks", async () => {
  await stage.define("Test", "prune", { scope: "Cluster", spec: { mode: "dynamic" } });
  await stage.put(test_, {});
  await owned();
  await stage.delete(test_);
  await stage.gone(test_);
  for (const ref of leftovers) {
    expect(await ownerKey(ref)).toBe("");
    expect((await stage.get(ref)).metadata.deletionTimestamp).toBeUndefined();
  }
});

test("C36 with prune options a Namespace and a CRD are adopted again, and go with their release", async () => {
  const prune = { crds: true, namespaces: true };
  await stage.define("Test", "prune", { scope: "Cluster", spec: { mode: "dynamic", prune } });
  await stage.put(test_, {});
  await owned();
  await stage.delete(test_);
  await Promise.all(leftovers.map(ref => stage.gone(ref, 60_000)));
});
