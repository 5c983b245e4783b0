/** What it takes to watch many objects: memory of each, and the peak while all of them are listed. */
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { KubeObject } from "../controller/kube/object.ts";
import type { Row } from "./stats.ts";
import type { World } from "./world.ts";

const program = resolve(import.meta.dirname, "watchedObjects.ts");
const namespace = "bench-watches";
const options = { fieldManager: "yoke", force: true };

interface Measured {
  readonly count: number;
  readonly bytes: number;
  readonly peakBytes: number;
  readonly milliseconds: number;
}

export async function measureWatches({ client, kubeconfig }: World, count: number): Promise<Row[]> {
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, options);
  const names = Array.from({ length: count }, (_, index) => `watched-${index}`);
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await client.apply(configMap(name), options);
    }),
  );
  const measure = async (way: string): Promise<Measured> => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--expose-gc",
      program,
      way,
      kubeconfig,
      namespace,
    ]);
    return JSON.parse(stdout) as Measured;
  };
  const each = async (what: string, way: string): Promise<Row> => {
    const { bytes, count } = await measure(way);
    return { what: `memory of ${what}`, value: `${Math.round(bytes / count)} bytes` };
  };
  const list = async (what: string, way: string): Promise<Row> => {
    const { peakBytes, milliseconds, count } = await measure(way);
    const mebibytes = (peakBytes / 2 ** 20).toFixed(0);
    return {
      what: `${count} objects of 2 kB listed ${what}`,
      value: `${mebibytes} MiB at most, ${milliseconds.toFixed(0)} ms`,
    };
  };
  return [
    await each("a child watched by its metadata", "metadata"),
    await each("a child watched whole", "facts"),
    await each("a looked-up object, content of 1 kB", "content"),
    await list("in pages of 500 (what the controller does)", "pages"),
    await list("as one answer", "whole"),
    await list("as initial events of a watch (WatchList)", "watchList"),
  ];
}

function configMap(name: string): KubeObject {
  const labels = { "app.kubernetes.io/managed-by": "atc.yoke" };
  const data = Object.fromEntries(Array.from({ length: 10 }, (_, key) => [`key-${key}`, "x".repeat(90)]));
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels }, data };
}
