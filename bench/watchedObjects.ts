/**
 * A process of its own, so that its memory tells of nothing else: takes in all ConfigMaps of a namespace in one way and
 * prints what that took. `node --expose-gc bench/watchedObjects.ts WAY KUBECONFIG NAMESPACE`
 */
import { Tracker } from "../controller/dynamic/tracker.ts";
import { createClient } from "../controller/kube/client.ts";
import { loadConfig } from "../controller/kube/config.ts";
import { createReflector } from "../controller/kube/reflector.ts";
import { configMapType as type } from "../controller/kube/resourceTypes.ts";
import { factsOf, type ObjectFacts } from "../controller/release/facts.ts";

const [way = "", kubeconfig = "", namespace = ""] = process.argv.slice(2);
const client = createClient(loadConfig({ kubeconfig }));

function used(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Each object is dropped as it comes; what is left is what the way of listing itself needs. */
const lists: Readonly<Record<string, () => Promise<number>>> = {
  pages: () => drain(client.pages(type, { namespace })),
  whole: () => drain(client.pages(type, { namespace, limit: 0 })),
  async watchList() {
    const query = {
      ...{ watch: true, sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true },
    };
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const { lines, status } = await client.transport.stream({ method: "GET", path, query });
    if (status !== 200) throw new Error(`HTTP ${status}`);
    let count = 0;
    for await (const line of lines) {
      const { type } = JSON.parse(line) as { type: string };
      if (type === "BOOKMARK") break;
      count++;
    }
    return count;
  },
};

async function drain(pages: AsyncIterable<{ items: unknown[] }>): Promise<number> {
  let count = 0;
  for await (const { items } of pages) count += items.length;
  return count;
}

/** Everything is tracked by name, as children (`metadata`, `facts`) or as looked-up objects (`content`). */
async function track(what: "metadata" | "facts" | "content"): Promise<{ count: number; tracker: unknown }> {
  const tracker = new Tracker<ObjectFacts>({
    openReflector: scope => createReflector({ client, ...scope }),
    get: (ref, options) => client.get(ref, options),
    pages: (type, options) => client.pages(type, options),
    needsWhole: () => what !== "metadata",
    describe: factsOf,
    changed: () => undefined,
  });
  const names: string[] = [];
  for await (const { items } of client.pages(type, { namespace, metadataOnly: true })) {
    for (const { metadata } of items) names.push(metadata.name);
  }
  const { apiVersion, kind } = type;
  const refs = names.map(name => ({ apiVersion, kind, namespace, name }));
  await Promise.all(refs.map(ref => tracker.track(type, ref, { retain: what === "content" })));
  return { count: names.length, tracker };
}

// Connection, discovery and compiled code are no part of it.
await client.list(type, { namespace, limit: 1, fieldSelector: "metadata.name=none" });
const before = used();
const rssBefore = process.memoryUsage().rss;
const begin = performance.now();
const list = lists[way];
let held: unknown;
let count: number;
if (list === undefined) ({ count, tracker: held } = await track(way as "metadata"));
else count = await list();
const milliseconds = performance.now() - begin;
// maxRSS is in KiB.
const peakBytes = process.resourceUsage().maxRSS * 1024 - rssBefore;
const bytes = used() - before;
console.log(JSON.stringify({ count, bytes, peakBytes, milliseconds, held: held !== undefined }));
process.exit(0);
