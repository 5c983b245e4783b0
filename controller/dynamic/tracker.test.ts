import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { answerError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import type { ReflectorHandler } from "../kube/reflector.ts";
import { secretType as type } from "../kube/resourceTypes.ts";
import { tellList } from "../kube/testing/tellList.ts";
import { type ReflectorScope, refOfTrackedKey, type TrackedChange, Tracker, trackedKey } from "./tracker.ts";

function ref(name: string): ObjectRef {
  return { apiVersion: "v1", kind: "Secret", namespace: "default", name };
}

function secret(name: string, version: number, value = `v${version}`): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: String(version) },
    data: { value },
  };
}

function metadataOf({ data: _, ...partial }: KubeObject): KubeObject {
  return partial as KubeObject;
}

const forbidden = answerError({ method: "GET", path: "/" }, { status: 403, body: "" });

/** A tracker over watches that the test drives by hand. */
function setUp(options: { wideFrom?: number; server?: Map<string, KubeObject>; needsWhole?: boolean } = {}) {
  const watches: (ReflectorScope & { stopped: boolean })[] = [];
  const changes: TrackedChange<string>[] = [];
  const server = options.server ?? new Map<string, KubeObject>();
  const settings = { needsWhole: options.needsWhole ?? true, prefix: "" };
  const pages: boolean[] = [];
  const relisted: string[] = [];
  const tracker = new Tracker<string>({
    openReflector: scope => {
      const watch = { ...scope, stopped: false };
      watches.push(watch);
      const state = () => ({ phase: "watching" as const, ageMs: 0, restarts: 0, refused: scope.name === "refused" });
      return {
        start: () => {},
        relist: () => relisted.push(scope.name ?? "all"),
        stop: async () => {
          watch.stopped = true;
        },
        synced: Promise.resolve(),
        state,
      } as never;
    },
    get: async ({ name }, { metadataOnly }) => {
      const object = server.get(name);
      return metadataOnly ? object && metadataOf(object) : object;
    },
    async *pages(_, { metadataOnly }) {
      pages.push(metadataOnly);
      const items = [...server.values()].map(object => (metadataOnly ? metadataOf(object) : object));
      yield { items, resourceVersion: "1000" };
    },
    needsWhole: () => settings.needsWhole,
    describe: object => settings.prefix + ((object["data"] as { value: string } | undefined)?.value ?? "metadata"),
    changed: change => changes.push({ ...change, tracked: { ...change.tracked } }),
    ...(options.wideFrom === undefined ? {} : { wideFrom: options.wideFrom }),
  });
  const opened = () => vi.waitFor(() => expect(watches.length).toBeGreaterThan(0));
  const watchOf = (name: string | undefined) => {
    const found = watches.find(watch => watch.name === name && !watch.stopped);
    if (found === undefined) throw new Error(`no open watch of ${name ?? "all"}`);
    return found;
  };
  return { tracker, watches, changes, server, settings, pages, relisted, opened, watchOf };
}

describe("Tracker", () => {
  it("asks again for the content after a read of it failed", async () => {
    const { tracker, server, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    tellList(watchOf("a").handler, [secret("a", 5)], "9");
    await answer;
    server.get = () => {
      throw forbidden;
    };
    await expect(tracker.track(type, ref("a"), { retain: true })).rejects.toBe(forbidden);
    server.get = () => secret("a", 5);
    expect(await tracker.track(type, ref("a"), { retain: true })).toMatchObject({ object: { data: { value: "v5" } } });
  });

  it("answers only once the watch of that very object runs", async () => {
    const { tracker, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: true });
    await opened();
    tellList(watchOf("a").handler, [secret("a", 5)], "9");
    expect(await answer).toMatchObject({ facts: "v5", resourceVersion: "5", object: { data: { value: "v5" } } });
  });

  it("tells later changes and deletions, and nothing that is older than what it knows", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [secret("a", 5)], "9");
    await answer;
    handler.upsert(secret("a", 5));
    handler.upsert(secret("a", 4));
    handler.upsert(secret("a", 12));
    handler.delete(secret("a", 11));
    handler.delete(secret("a", 13));
    expect(changes.map(({ change, before, after }) => [change, before, after])).toEqual([
      ["updated", "v5", "v12"],
      ["deleted", "v12", undefined],
    ]);
  });

  it("takes an object that a list lacks for deleted, unless our own write is newer than the list", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [], "9");
    await answer;
    await tracker.write(trackedKey(ref("a")), "me", async () => secret("a", 20));
    tellList(handler, [], "15");
    expect(tracker.get(trackedKey(ref("a")))?.facts).toBe("v20");
    tellList(handler, [], "21");
    expect(changes.map(({ change, origin }) => [change, origin])).toEqual([
      ["created", "me"],
      ["deleted", undefined],
    ]);
  });

  it("follows an API server whose history went back, as etcd's restored from a backup does", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: true });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [secret("a", 50)], "60");
    await answer;
    handler.rewound?.();
    tellList(handler, [secret("a", 20)], "30");
    expect(tracker.get(trackedKey(ref("a")))).toMatchObject({ facts: "v20", object: { data: { value: "v20" } } });
    handler.upsert(secret("a", 31));
    expect(changes.map(({ after }) => after)).toEqual(["v20", "v31"]);
  });

  it("goes back to exact watches when the wide one is forbidden later on, but not at the first no", async () => {
    const { tracker, watches, watchOf } = setUp({ wideFrom: 2 });
    const both = ["a", "b"].map(name => tracker.track(type, ref(name), { retain: false }));
    await vi.waitFor(() => watchOf(undefined));
    const { handler } = watchOf(undefined);
    tellList(handler, [secret("a", 3), secret("b", 3)], "9");
    await Promise.all(both);
    for (let n = 0; n < 2; n++) handler.failed?.(forbidden);
    handler.progress?.("10");
    for (let n = 0; n < 2; n++) handler.failed?.(forbidden);
    expect(watches.filter(watch => !watch.stopped).map(watch => watch.name)).toEqual([undefined]);
    handler.failed?.(forbidden);
    expect(watches.filter(watch => !watch.stopped).map(watch => watch.name)).toEqual(["a", "b"]);
    tellList(watchOf("a").handler, [secret("a", 12)], "12");
    expect(tracker.get(trackedKey(ref("a")))?.facts).toBe("v12");
  });

  it("leaves out of its watches those that the API server refuses: one flight's question must not fail the rest", async () => {
    const { tracker, opened } = setUp();
    for (const name of ["a", "refused"]) void tracker.track(type, ref(name), { retain: false });
    await opened();
    expect(tracker.reflectors()).toHaveLength(1);
  });

  it.each(["before", "after"])("knows its own write's event when it arrives %s the answer", async order => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [secret("a", 5)], "9");
    await answer;
    await tracker.write(trackedKey(ref("a")), "me", async () => {
      if (order === "before") handler.upsert(secret("a", 10));
      return secret("a", 10);
    });
    if (order === "after") handler.upsert(secret("a", 10));
    expect(changes.map(({ change, origin }) => [change, origin])).toEqual([["updated", "me"]]);
  });

  it("tells a foreign write that lands after ours, even when its event came before our answer", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [secret("a", 5)], "9");
    await answer;
    await tracker.write(trackedKey(ref("a")), "me", async () => {
      handler.upsert(secret("a", 10));
      handler.upsert(secret("a", 11, "foreign"));
      return secret("a", 10);
    });
    expect(changes.map(({ after, origin }) => [after, origin])).toEqual([
      ["v10", "me"],
      ["foreign", undefined],
    ]);
  });

  it("gives up the fence when a write fails, so that what happened meanwhile counts as foreign", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    const { handler } = watchOf("a");
    tellList(handler, [secret("a", 5)], "9");
    await answer;
    const write = tracker.write(trackedKey(ref("a")), "me", async () => {
      handler.upsert(secret("a", 10));
      throw new Error("timed out");
    });
    await expect(write).rejects.toThrow("timed out");
    expect(changes.map(({ change, origin }) => [change, origin])).toEqual([["updated", undefined]]);
  });

  it("hands over to one wide watch from the threshold on, and keeps exact ones until it has listed", async () => {
    const { tracker, watches, opened, watchOf } = setUp({ wideFrom: 3 });
    const first = tracker.track(type, ref("a"), { retain: false });
    await opened();
    tellList(watchOf("a").handler, [secret("a", 5)], "9");
    await first;
    const rest = ["b", "c"].map(name => tracker.track(type, ref(name), { retain: false }));
    await vi.waitFor(() => watchOf(undefined));
    expect(watchOf("a").stopped).toBe(false);
    tellList(watchOf(undefined).handler, [secret("a", 5), secret("b", 6), secret("foreign", 7)], "12");
    expect((await Promise.all(rest)).map(tracked => tracked.facts)).toEqual(["v6", undefined]);
    expect(watches.filter(watch => !watch.stopped).map(watch => watch.name)).toEqual([undefined]);
    expect(tracker.size).toBe(3);
  });

  it("reads a name that is new under a wide watch, and lets no older read win over an event", async () => {
    const server = new Map([["d", secret("d", 30)]]);
    const { tracker, watchOf } = setUp({ wideFrom: 1, server });
    const first = tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => watchOf(undefined));
    const { handler } = watchOf(undefined);
    tellList(handler, [secret("a", 5)], "12");
    await first;
    const late = tracker.track(type, ref("d"), { retain: false });
    handler.upsert(secret("d", 31));
    expect(await late).toMatchObject({ facts: "v31" });
  });

  it("reads again what could not be read under a wide watch, for whoever asks again", async () => {
    const server = new Map<string, KubeObject>();
    const { tracker, watchOf } = setUp({ wideFrom: 2, server });
    const first = ["a", "b"].map(name => tracker.track(type, ref(name), { retain: false }));
    await vi.waitFor(() => watchOf(undefined));
    tellList(watchOf(undefined).handler, [secret("a", 5)], "12");
    await Promise.all(first);
    const { get } = server;
    server.get = () => {
      throw forbidden;
    };
    expect((await tracker.track(type, ref("d"), { retain: false })).error).toBe(forbidden);
    server.get = get;
    server.set("d", secret("d", 30));
    expect(await tracker.track(type, ref("d"), { retain: false })).toMatchObject({ facts: "v30", error: undefined });
  });

  it("stays exact where the wide watch is forbidden", async () => {
    const { tracker, watches, watchOf } = setUp({ wideFrom: 2 });
    const both = ["a", "b"].map(name => tracker.track(type, ref(name), { retain: false }));
    await vi.waitFor(() => watchOf(undefined));
    watchOf(undefined).handler.failed?.(forbidden);
    for (const name of ["a", "b"]) tellList(watchOf(name).handler, [secret(name, 3)], "9");
    expect((await Promise.all(both)).map(tracked => tracked.facts)).toEqual(["v3", "v3"]);
    expect(watches.filter(watch => !watch.stopped).map(watch => watch.name)).toEqual(["a", "b"]);
  });

  it("opens one watch of a name that was new when the wide watch was forbidden, and closes it", async () => {
    const { tracker, watches, watchOf } = setUp({ wideFrom: 2 });
    for (const name of ["a", "b"]) void tracker.track(type, ref(name), { retain: false });
    await vi.waitFor(() => watchOf(undefined));
    void tracker.track(type, ref("c"), { retain: false });
    watchOf(undefined).handler.failed?.(forbidden);
    await new Promise(setImmediate);
    const open = () => watches.filter(watch => !watch.stopped).map(watch => watch.name);
    expect(open()).toEqual(["a", "b", "c"]);
    tracker.untrack(trackedKey(ref("c")));
    expect(open()).toEqual(["a", "b"]);
  });

  it("says that an object cannot be read, and tells a change when it can", async () => {
    const { tracker, changes, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: true });
    await opened();
    watchOf("a").handler.failed?.(forbidden);
    expect((await answer).error).toBe(forbidden);
    tellList(watchOf("a").handler, [], "9");
    expect(changes).toHaveLength(1);
    expect(tracker.get(trackedKey(ref("a")))?.error).toBeUndefined();
  });

  it("fetches the content of an object that was tracked without it so far", async () => {
    const server = new Map([["a", secret("a", 5)]]);
    const { tracker, opened, watchOf } = setUp({ server });
    const child = tracker.track(type, ref("a"), { retain: false });
    await opened();
    tellList(watchOf("a").handler, [secret("a", 5)], "9");
    expect((await child).object).toBeUndefined();
    const both = [1, 2].map(() => tracker.track(type, ref("a"), { retain: true }));
    expect((await Promise.all(both)).map(tracked => tracked.object?.metadata.name)).toEqual(["a", "a"]);
  });

  it("watches metadata where nothing more is needed, and goes over to whole objects without a gap", async () => {
    const { tracker, changes, watches } = setUp({ needsWhole: false });
    const child = tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(1));
    expect(watches[0]?.metadataOnly).toBe(true);
    tellList(watches[0]?.handler as ReflectorHandler, [metadataOf(secret("a", 5))], "9");
    expect(await child).toMatchObject({ facts: "metadata", object: undefined });
    const lookup = tracker.track(type, ref("a"), { retain: true });
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    expect(watches.map(({ metadataOnly, stopped }) => [metadataOnly, stopped])).toEqual([
      [true, false],
      [false, false],
    ]);
    watches[0]?.handler.upsert(metadataOf(secret("a", 12)));
    expect(changes).toHaveLength(1);
    tellList(watches[1]?.handler as ReflectorHandler, [secret("a", 12)], "13");
    expect(await lookup).toMatchObject({ facts: "v12", object: { data: { value: "v12" } } });
    expect(watches.map(({ stopped }) => stopped)).toEqual([true, false]);
    tracker.untrack(trackedKey(ref("a")));
    expect(watches.map(({ stopped }) => stopped)).toEqual([true, true]);
  });

  it("reads the content when the metadata that is known is newer than the list of whole objects", async () => {
    const server = new Map([["a", secret("a", 20)]]);
    const { tracker, watches } = setUp({ needsWhole: false, server });
    void tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(1));
    tellList(watches[0]?.handler as ReflectorHandler, [metadataOf(secret("a", 20))], "20");
    const lookup = tracker.track(type, ref("a"), { retain: true });
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    tellList(watches[1]?.handler as ReflectorHandler, [secret("a", 15)], "18");
    expect(await lookup).toMatchObject({ facts: "v20", resourceVersion: "20", object: { data: { value: "v20" } } });
  });

  it.each([1, 2])(
    "notices by its read that an object is gone whose metadata is watched late (%i at once)",
    async count => {
      const { tracker, watches, changes, settings } = setUp({ wideFrom: 2 });
      const others = ["x", "y"].map(name => tracker.track(type, ref(name), { retain: true }));
      await vi.waitFor(() => expect(watches).toHaveLength(1));
      tellList(watches[0]?.handler as ReflectorHandler, [], "20");
      await Promise.all(others);
      settings.needsWhole = false;
      const names = ["a", "b"].slice(0, count);
      const children = names.map(name => tracker.track(type, ref(name), { retain: false }));
      await vi.waitFor(() => expect(watches).toHaveLength(2));
      tellList(
        watches[1]?.handler as ReflectorHandler,
        names.map(name => metadataOf(secret(name, 15))),
        "16",
      );
      await Promise.all(children);
      // Deleted at 18: the watch of whole objects told it before it was asked for them, that of metadata will tell it.
      const lookups = names.map(name => tracker.track(type, ref(name), { retain: true }));
      expect((await Promise.all(lookups)).map(({ facts }) => facts)).toEqual(names.map(() => undefined));
      expect(changes.map(({ change }) => change)).toEqual(names.map(() => "deleted"));
    },
  );

  it("takes over all objects of a kind whose meaning comes to need more than metadata, and tells what that changes", async () => {
    const { tracker, watches, changes, settings } = setUp({ needsWhole: false });
    void tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(1));
    tellList(watches[0]?.handler as ReflectorHandler, [metadataOf(secret("a", 5))], "9");
    settings.needsWhole = true;
    tracker.reconsider(({ kind }) => kind === "Secret");
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    tellList(watches[1]?.handler as ReflectorHandler, [secret("a", 5)], "9");
    expect(changes.map(({ before, after }) => [before, after])).toEqual([["metadata", "v5"]]);
    expect(watches.map(({ stopped }) => stopped)).toEqual([true, false]);
  });

  it("describes a kind anew when other rules hold for it, from another look, and until then as before", async () => {
    const { tracker, watches, changes, settings, relisted } = setUp();
    for (const name of ["a", "b"]) void tracker.track(type, ref(name), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    const [a, b] = watches.map(({ handler }) => handler);
    tellList(a as ReflectorHandler, [secret("a", 5)], "9");
    tellList(b as ReflectorHandler, [secret("b", 5)], "9");
    settings.prefix = "new ";
    tracker.reconsider(({ kind }) => kind !== "Secret");
    expect(relisted).toEqual([]);
    tracker.reconsider(({ kind }) => kind === "Secret");
    expect(relisted).toEqual(["a", "b"]);
    expect(changes).toEqual([]);
    expect(tracker.get(trackedKey(ref("a")))?.facts).toBe("v5");
    tellList(a as ReflectorHandler, [secret("a", 5)], "12");
    b?.upsert(secret("b", 11));
    tellList(b as ReflectorHandler, [secret("b", 11)], "12");
    expect(changes.map(({ before, after, change }) => [before, after, change])).toEqual([
      ["v5", "new v5", "updated"],
      ["v5", "new v11", "updated"],
    ]);
    tellList(a as ReflectorHandler, [secret("a", 5)], "13");
    expect(changes).toHaveLength(2);
  });

  it("has one list tell anew what one watch serves", async () => {
    const { tracker, changes, settings, relisted, watchOf } = setUp({ wideFrom: 2 });
    for (const name of ["a", "b"]) void tracker.track(type, ref(name), { retain: false });
    await vi.waitFor(() => watchOf(undefined));
    const { handler } = watchOf(undefined);
    tellList(handler, [secret("a", 5), secret("b", 5)], "9");
    settings.prefix = "new ";
    tracker.reconsider(() => true);
    expect(new Set(relisted)).toEqual(new Set(["all"]));
    tellList(handler, [secret("a", 5), secret("b", 5)], "12");
    expect(changes.map(({ after }) => after)).toEqual(["new v5", "new v5"]);
  });

  it("describes anew what a take-over had told already", async () => {
    const { tracker, watches, changes, settings, relisted, server } = setUp({ needsWhole: false });
    server.set("a", secret("a", 5));
    void tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(1));
    tellList(watches[0]?.handler as ReflectorHandler, [metadataOf(secret("a", 5))], "9");
    settings.needsWhole = true;
    tracker.reconsider(() => true);
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    watches[1]?.handler.upsert(secret("a", 5));
    settings.prefix = "new ";
    tracker.reconsider(() => true);
    expect(relisted).toEqual(["a"]);
    watches[1]?.handler.listed(new Set(["default/a"]), "9");
    tellList(watches[1]?.handler as ReflectorHandler, [secret("a", 5)], "10");
    expect(changes.map(({ after }) => after)).toEqual(["v5", "new v5"]);
  });

  it("fails who wants the content while it cannot be watched, and goes on with what is known", async () => {
    const { tracker, watches } = setUp({ needsWhole: false });
    void tracker.track(type, ref("a"), { retain: false });
    await vi.waitFor(() => expect(watches).toHaveLength(1));
    tellList(watches[0]?.handler as ReflectorHandler, [metadataOf(secret("a", 5))], "9");
    const lookup = tracker.track(type, ref("a"), { retain: true });
    await vi.waitFor(() => expect(watches).toHaveLength(2));
    watches[1]?.handler.failed?.(forbidden);
    await expect(lookup).rejects.toBe(forbidden);
    expect(await tracker.track(type, ref("a"), { retain: false })).toMatchObject({ facts: "metadata" });
    tellList(watches[1]?.handler as ReflectorHandler, [secret("a", 5)], "9");
    expect(await tracker.track(type, ref("a"), { retain: true })).toMatchObject({ object: { data: { value: "v5" } } });
  });

  it.each([
    [2, []],
    [3, [false]],
  ])("reads %d names that the wide watch dropped while it listed, many of them by one list", async (late, pages) => {
    const names = Array.from({ length: late }, (_, index) => `late-${index}`);
    const server = new Map(names.map(name => [name, secret(name, 7)]));
    const { tracker, watchOf, pages: seen } = setUp({ wideFrom: 3, server });
    for (const name of ["a", "b", "c"]) void tracker.track(type, ref(name), { retain: false });
    await vi.waitFor(() => watchOf(undefined));
    const { handler } = watchOf(undefined);
    for (const object of server.values()) handler.upsert(object);
    const answers = names.map(name => tracker.track(type, ref(name), { retain: false }));
    handler.listed(new Set(names.map(name => `default/${name}`)), "9");
    expect((await Promise.all(answers)).map(({ facts }) => facts)).toEqual(names.map(() => "v7"));
    expect(seen).toEqual(pages);
  });

  it("closes the watch of what nobody depends on", async () => {
    const { tracker, watches, opened, watchOf } = setUp();
    const answer = tracker.track(type, ref("a"), { retain: false });
    await opened();
    tellList(watchOf("a").handler, [], "9");
    await answer;
    tracker.untrack(trackedKey(ref("a")));
    expect(watches.every(watch => watch.stopped)).toBe(true);
    expect(tracker.size).toBe(0);
  });

  it("ends with the newest state whatever order events, lists and own answers come in", async () => {
    const step = fc.record({
      kind: fc.constantFrom("upsert", "list", "write"),
      version: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1 }), async steps => {
        const { tracker, watchOf, opened } = setUp();
        const answer = tracker.track(type, ref("a"), { retain: false });
        await opened();
        const { handler } = watchOf("a");
        tellList(handler, [secret("a", 1)], "1");
        await answer;
        for (const { kind, version } of steps) {
          if (kind === "upsert") handler.upsert(secret("a", version));
          if (kind === "list") tellList(handler, [secret("a", version)], String(version));
          if (kind === "write") await tracker.write(trackedKey(ref("a")), "me", async () => secret("a", version));
        }
        const newest = Math.max(1, ...steps.map(({ version }) => version));
        expect(tracker.get(trackedKey(ref("a")))?.facts).toBe(`v${newest}`);
      }),
      { numRuns: 50 },
    );
  });
});

it("reads a tracked key back into its ref", () => {
  expect(refOfTrackedKey(trackedKey(ref("a")))).toEqual(ref("a"));
});
