import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, type KubeClient } from "./client.ts";
import type { KubeObject } from "./object.ts";
import { createReflector, type Reflector, type ReflectorOptions, type WatchEnd } from "./reflector.ts";
import { secretType as type } from "./resourceTypes.ts";
import { FakeApiServer, type FakeRequest, type FakeWatch } from "./testing/fakeApiServer.ts";
import { Mailbox } from "./testing/mailbox.ts";
import { ManualClock } from "./testing/manualClock.ts";

const discovered = { resources: [{ name: "secrets", kind: "Secret", namespaced: true }] };

let server: FakeApiServer;
let client: KubeClient;
let clock: ManualClock;
let reflector: Reflector;
let told: Mailbox<string>;
let failures: string[];
let failNext: boolean;
let ends: WatchEnd[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock({ skipUpToMs: 60_000 });
  client = createClient(server.config, { h2c: true, clock, random: () => 0.5 });
  told = new Mailbox();
  failures = [];
  failNext = false;
  ends = [];
});

afterEach(async () => {
  await reflector.stop();
  await client.transport.close();
  await server.kill();
});

function start(options: Partial<ReflectorOptions> = {}): void {
  const tell = (text: string): void => {
    if (failNext) {
      failNext = false;
      throw new Error("the handler stumbles");
    }
    told.put(text);
  };
  const word = ({ kind, metadata }: KubeObject) => `${kind}/${metadata.name}@${metadata.resourceVersion}`;
  reflector = createReflector({
    client,
    type,
    namespace: "ns",
    clock,
    random: () => 0.5,
    onEnd: reason => void ends.push(reason),
    handler: {
      listed: (present, resourceVersion) => tell(`= ${[...present].join(" ")} @${resourceVersion}`),
      upsert: object => tell(`+ ${word(object)}`),
      delete: object => tell(`- ${word(object)}`),
      progress: resourceVersion => tell(`> ${resourceVersion}`),
      rewound: () => tell("<<"),
      failed: error => void failures.push("code" in error ? String(error.code) : error.message),
    },
    ...options,
  });
  reflector.start();
}

const object = (name: string, resourceVersion: string | number) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, resourceVersion: String(resourceVersion) },
});

async function answerList(resourceVersion: number, ...items: object[]): Promise<FakeRequest> {
  const request = await server.next();
  expect(request.query.get("watch")).toBeNull();
  request.json(200, { metadata: { resourceVersion: String(resourceVersion) }, items });
  return request;
}

async function answerWatch(from: number): Promise<FakeWatch> {
  const request = await server.next();
  expect([request.query.get("watch"), request.query.get("resourceVersion")]).toEqual(["true", String(from)]);
  return request.open();
}

/** A list was told: its objects, such as `a@5`, one by one, then its end. */
async function toldList(resourceVersion: string | number, ...objects: string[]): Promise<void> {
  for (const text of objects) expect(await told.take()).toBe(`+ Secret/${text}`);
  const names = objects.map(text => `/${text.split("@")[0]}`).join(" ");
  expect(await told.take()).toBe(`= ${names} @${resourceVersion}`);
}

/** Brought to a watch from resourceVersion 10 with one object `a`. */
async function watching(options: Partial<ReflectorOptions> = {}): Promise<FakeWatch> {
  start(options);
  await answerList(10, object("a", 5));
  const watch = await answerWatch(10);
  await toldList(10, "a@5");
  return watch;
}

/** The watch is in good order: an event arrives, and as the next one. */
async function proveWatch(watch: FakeWatch, resourceVersion: number): Promise<void> {
  watch.event("ADDED", object("proof", resourceVersion));
  expect(await told.take()).toBe(`+ Secret/proof@${resourceVersion}`);
}

describe("in good times", () => {
  test("lists consistently, then tells every event of a watch from there", async () => {
    start({ labelSelector: "a=b" });
    const list = await answerList(10, object("a", 5), object("b", 7));
    expect([list.path, list.query.toString()]).toEqual([
      "/api/v1/namespaces/ns/secrets",
      "labelSelector=a%3Db&limit=500",
    ]);
    await reflector.synced;
    const request = await server.next();
    expect(request.query.get("allowWatchBookmarks")).toBe("true");
    expect(Number(request.query.get("timeoutSeconds"))).toBe(2_700);
    const watch = request.open();
    watch.event("ADDED", object("c", 11));
    watch.event("MODIFIED", object("a", 12));
    watch.event("DELETED", object("b", 13));
    watch.event("BOOKMARK", { kind: "Secret", metadata: { resourceVersion: "20" } });
    await toldList(10, "a@5", "b@7");
    const wanted = ["+ Secret/c@11", "+ Secret/a@12", "- Secret/b@13", "> 20"];
    for (const text of wanted) expect(await told.take()).toBe(text);
    expect(reflector.state()).toEqual({ phase: "watching", ageMs: 0, restarts: 0, refused: false });
    clock.advance(30_000);
    expect(reflector.state().ageMs).toBe(30_000);
  });

  test("watches exactly one object, and its metadata only, as its own type", async () => {
    start({ name: "a", metadataOnly: true });
    const list = await answerList(10, { ...object("a", 5), kind: "PartialObjectMetadata" });
    expect(list.query.get("fieldSelector")).toBe("metadata.name=a");
    expect(list.headers.accept).toContain("as=PartialObjectMetadataList;");
    const request = await server.next();
    expect(request.query.get("fieldSelector")).toBe("metadata.name=a");
    expect(request.headers.accept).toContain("as=PartialObjectMetadata;");
    await toldList(10, "a@5");
    request.open().event("MODIFIED", { ...object("a", 11), kind: "PartialObjectMetadata" });
    expect(await told.take()).toBe("+ Secret/a@11");
  });

  test("goes on where the last watch ended, without a list and without a failure", async () => {
    const watch = await watching();
    watch.event("MODIFIED", object("a", 11));
    watch.event("BOOKMARK", { metadata: { resourceVersion: "15" } });
    watch.end();
    const next = await answerWatch(15);
    expect([await told.take(), await told.take()]).toEqual(["+ Secret/a@11", "> 15"]);
    await proveWatch(next, 16);
    expect(reflector.state()).toMatchObject({ phase: "watching", restarts: 1 });
    expect(failures).toEqual([]);
    expect(ends).toEqual(["ended"]);
  });

  test("after a stop tells nothing more and closes its watch", async () => {
    start();
    await answerList(10);
    const request = await server.next();
    const watch = request.open();
    await told.take();
    watch.event("ADDED", object("late", 11));
    await reflector.stop();
    await watch.closed;
    expect(told.size).toBe(0);
    expect(reflector.state().phase).toBe("stopped");
    expect(clock.scheduled.filter(delay => delay < 60_000)).toEqual([]);
  });

  test("stopped before its first list it says so to who waits", async () => {
    start();
    await server.next();
    await reflector.stop();
    await expect(reflector.synced).rejects.toMatchObject({ code: "KUBE_STOPPED" });
  });

  test("can be stopped by its own handler in the middle of events", async () => {
    const seen: string[] = [];
    start({
      handler: {
        listed: () => undefined,
        upsert: ({ metadata }) => {
          seen.push(metadata.name);
          void reflector.stop();
        },
        delete: () => undefined,
      },
    });
    await answerList(10);
    const watch = await answerWatch(10);
    watch.raw(
      ["b", "c"].map((name, i) => `${JSON.stringify({ type: "ADDED", object: object(name, 11 + i) })}\n`).join(""),
    );
    await watch.closed;
    expect(seen).toEqual(["b"]);
  });
});

describe("goes on where it was after", () => {
  const faults: [string, (watch: FakeWatch) => void][] = [
    ["a cut connection", watch => watch.cut()],
    ["a reset stream", watch => watch.reset()],
    [
      "a line that is cut in the middle",
      watch => {
        watch.raw('{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceV');
        watch.end();
      },
    ],
    ["truncated JSON", watch => watch.raw('{"type":"MODIFIED","object":{"meta\n')],
    ["an event of an unknown type", watch => watch.event("SURPRISE", object("a", 12))],
    ["an event without resourceVersion", watch => watch.event("MODIFIED", { metadata: { name: "a" } })],
    [
      "an ERROR event of trouble inside",
      watch => watch.event("ERROR", { kind: "Status", code: 500, reason: "InternalError" }),
    ],
  ];

  test.each(faults)("%s", async (_, fault) => {
    const watch = await watching();
    await proveWatch(watch, 11);
    fault(watch);
    await proveWatch(await answerWatch(11), 13);
    expect(failures).toHaveLength(1);
    expect(reflector.state().lastError).toBeUndefined();
  });

  test("silence for longer than bookmarks take", async () => {
    const watch = await watching({ silenceMs: 90_000 });
    await proveWatch(watch, 11);
    clock.advance(80_000);
    await proveWatch(watch, 12);
    clock.advance(89_999);
    expect(reflector.state().phase).toBe("watching");
    clock.advance(1);
    await watch.closed;
    await answerList(12, object("a", 5));
    await toldList(12, "a@5");
    await proveWatch(await answerWatch(12), 13);
    expect(failures).toEqual(["KUBE_UNAVAILABLE"]);
    expect(ends).toEqual(["silent"]);
  });

  test("an etcd that was restored from a backup, where a watch from the future stays silent", async () => {
    const watch = await watching({ silenceMs: 90_000 });
    await proveWatch(watch, 1000);
    watch.cut();
    const silent = await answerWatch(1000);
    await expect.poll(() => reflector.state().phase).toBe("watching");
    clock.advance(90_000);
    await silent.closed;
    await answerList(700, object("a", 5));
    expect(await told.take()).toBe("<<");
    await toldList(700, "a@5");
    await proveWatch(await answerWatch(700), 701);
  });

  test("429 with Retry-After, which it waits for", async () => {
    const watch = await watching();
    watch.cut();
    (await server.next()).status(429, "TooManyRequests", "slow down", { "retry-after": "7" });
    await proveWatch(await answerWatch(10), 13);
    expect(clock.scheduled).toContain(7_000);
  });

  test("attempts that get no answer, which are no sign of life", async () => {
    const watch = await watching();
    clock.advance(60_000);
    watch.cut();
    const attempt = await server.next();
    expect(reflector.state().ageMs).toBeGreaterThanOrEqual(60_000);
    attempt.open();
    await expect.poll(() => reflector.state().ageMs).toBe(0);
  });

  test("500 again and again, with growing pauses up to a bound", async () => {
    const watch = await watching();
    watch.cut();
    for (let n = 0; n < 9; n++) (await server.next()).status(500, "InternalError");
    await proveWatch(await answerWatch(10), 11);
    const pauses = clock.scheduled.filter(delay => delay < 60_000);
    expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 4_000, 4_000, 4_000, 4_000, 4_000]);
  });

  test("watches that end at once, which it does not take for good", async () => {
    const watch = await watching();
    watch.end();
    for (let n = 0; n < 3; n++) (await answerWatch(10)).end();
    await proveWatch(await answerWatch(10), 11);
    expect(clock.scheduled.filter(delay => delay < 60_000)).toEqual([200, 400, 800, 1_600]);
  });

  test("a killed API server that comes back", async () => {
    const { port } = server;
    await watching();
    const until = waitForFailures(3);
    await server.kill();
    await until;
    await server.restart(port);
    await proveWatch(await answerWatch(10), 11);
  });
});

/** Resolves when so many attempts have failed. */
function waitForFailures(count: number): Promise<void> {
  return new Promise(resolve => {
    const look = (): void => {
      if (failures.length >= count) resolve();
      else setImmediate(look);
    };
    look();
  });
}

describe("lists again after", () => {
  const gone: [string, (watch: FakeWatch) => Promise<void>][] = [
    ["410 in the stream", async watch => watch.event("ERROR", { kind: "Status", code: 410, reason: "Expired" })],
    [
      "410 to the watch",
      async watch => {
        watch.cut();
        (await server.next()).status(410, "Expired");
      },
    ],
    [
      "a resourceVersion from before a restore",
      async watch => {
        watch.cut();
        const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
        const status = { kind: "Status", code: 504, reason: "Timeout", details: { causes } };
        (await server.next()).json(504, status);
      },
    ],
    [
      "a handler that stumbled over an event",
      async watch => {
        failNext = true;
        watch.event("MODIFIED", object("a", 12));
      },
    ],
  ];

  test.each(gone)("%s", async (_, fault) => {
    await fault(await watching());
    // Older than before, as after a restore of etcd: a list is the truth whatever came before.
    await answerList(8, object("a", 6));
    expect(await told.take()).toBe("<<");
    await toldList(8, "a@6");
    await proveWatch(await answerWatch(8), 9);
  });

  test("a handler that stumbled over the list", async () => {
    failNext = true;
    start();
    await answerList(10, object("a", 5));
    await answerList(10, object("a", 5));
    await toldList(10, "a@5");
    expect(failures).toEqual(["the handler stumbles"]);
  });

  test("pages that outlived etcd's history: at once, without pages, and what came before is told again", async () => {
    start();
    const first = await server.next();
    first.json(200, { metadata: { resourceVersion: "10", continue: "more" }, items: [object("a", 5)] });
    expect(await told.take()).toBe("+ Secret/a@5");
    const second = await server.next();
    expect(second.query.get("continue")).toBe("more");
    second.status(410, "Expired");
    const whole = await answerList(20, object("b", 15));
    expect([whole.query.get("limit"), whole.query.get("continue")]).toEqual([null, null]);
    await toldList(20, "b@15");
    const watch = await answerWatch(20);
    watch.event("ERROR", { kind: "Status", code: 410, reason: "Expired" });
    expect((await answerList(30)).query.get("limit")).toBe("500");
    expect(ends).toEqual(["expired", "expired"]);
  });

  test("410 soon, although there was trouble before", async () => {
    const watch = await watching();
    watch.cut();
    for (let n = 0; n < 5; n++) (await server.next()).status(500, "InternalError");
    (await server.next()).status(410, "Expired");
    await answerList(20);
    expect(clock.scheduled.filter(delay => delay < 60_000).at(-1)).toBe(200);
  });

  test("410 for ever, in ever longer pauses", async () => {
    start();
    for (let n = 0; n < 4; n++) {
      await answerList(10);
      (await server.next()).status(410, "Expired");
    }
    await answerList(10);
    expect(clock.scheduled.filter(delay => delay < 60_000)).toEqual([200, 400, 800, 1_600]);
  });
});

describe("drops", () => {
  test("events that repeat or are older than what was told", async () => {
    const watch = await watching();
    for (const [kind, version] of [
      ["ADDED", 5],
      ["MODIFIED", 10],
      ["MODIFIED", 12],
      ["MODIFIED", 12],
      ["DELETED", 11],
    ] as const) {
      watch.event(kind, object("a", version));
    }
    watch.event("BOOKMARK", { metadata: { resourceVersion: "9" } });
    expect(await told.take()).toBe("+ Secret/a@12");
    await proveWatch(watch, 13);
  });

  test("nothing of a server whose resourceVersions are no numbers", async () => {
    start();
    const request = await server.next();
    request.json(200, { metadata: { resourceVersion: "x9" }, items: [] });
    await toldList("x9");
    const watch = (await server.next()).open();
    watch.event("ADDED", object("a", "x10"));
    expect(await told.take()).toBe("+ Secret/a@x10");
  });
});

describe("when nobody lets it", () => {
  test("403 is told and tried again slowly", async () => {
    start();
    for (let n = 0; n < 3; n++) (await server.next()).status(403, "Forbidden");
    const allowed = await server.next();
    expect(reflector.state().refused).toBe(true);
    allowed.json(200, { metadata: { resourceVersion: "10" }, items: [] });
    await toldList(10);
    expect(failures).toEqual(["KUBE_FORBIDDEN", "KUBE_FORBIDDEN", "KUBE_FORBIDDEN"]);
    expect(reflector.state().refused).toBe(false);
    expect(clock.scheduled.filter(delay => delay < 60_000)).toEqual([2_000, 4_000, 8_000]);
  });
});

describe("a kind that is not served any more", () => {
  test("is an empty scope at the second look, and followed again when it is back", async () => {
    const watch = await watching();
    watch.cut();
    (await server.next()).text(404, "404 page not found");
    const look = await server.next();
    expect([look.path, told.size]).toEqual(["/api/v1", 0]);
    look.json(200, { resources: [] });
    await toldList("");
    (await server.next()).json(200, { resources: [] });
    (await server.next()).json(200, { resources: [{ name: "secretz", kind: "Secret", namespaced: true }] });
    const list = await answerList(30, object("b", 29));
    expect(list.path).toBe("/api/v1/namespaces/ns/secretz");
    await toldList(30, "b@29");
    expect(failures).toEqual(["KUBE_UNAVAILABLE", "KUBE_UNKNOWN_KIND", "KUBE_UNKNOWN_KIND", "KUBE_UNKNOWN_KIND"]);
    await proveWatch(await answerWatch(30), 31);
  });

  test("is told as an empty scope once more to a handler that stumbled", async () => {
    const watch = await watching();
    watch.cut();
    (await server.next()).text(404, "404 page not found");
    failNext = true;
    for (let look = 2; look < 4; look++) (await server.next()).json(200, { resources: [] });
    await toldList("");
    expect(failures.slice(1)).toEqual([
      "KUBE_UNKNOWN_KIND",
      "KUBE_UNKNOWN_KIND",
      "the handler stumbles",
      "KUBE_UNKNOWN_KIND",
    ]);
    (await server.next()).json(200, discovered);
    await answerList(30, object("b", 29));
    await toldList(30, "b@29");
  });

  test("is noticed at a hint, although its watch stays open, and followed at once when a hint says that it is back", async () => {
    clock = new ManualClock();
    const watch = await watching({ clock });
    reflector.recheck();
    (await server.next()).json(200, { resources: [] });
    await watch.closed;
    await expect.poll(() => failures).toEqual(["KUBE_UNKNOWN_KIND"]);
    reflector.recheck();
    (await server.next()).json(200, discovered);
    await answerList(30, object("b", 29));
    await toldList(30, "b@29");
    await proveWatch(await answerWatch(30), 31);
  });

  test("leaves a watch alone at a hint when nothing has changed", async () => {
    const watch = await watching();
    client.discovery.invalidate();
    reflector.recheck();
    (await server.next()).json(200, discovered);
    await proveWatch(watch, 11);
    expect(failures).toEqual([]);
  });

  test("for a moment only keeps what was there", async () => {
    const watch = await watching();
    watch.cut();
    (await server.next()).text(404, "404 page not found");
    (await server.next()).json(200, discovered);
    await answerList(12, object("a", 5));
    await toldList(12, "a@5");
  });
});

describe("a list that is asked for", () => {
  test("is told at once, and watched on from there without a failure", async () => {
    clock = new ManualClock();
    const watch = await watching({ clock });
    reflector.relist();
    await watch.closed;
    await answerList(12, object("a", 5));
    await toldList(12, "a@5");
    await proveWatch(await answerWatch(12), 13);
    expect([failures, ends]).toEqual([[], ["ended"]]);
  });

  test("is another one than the list under way, of which something was told already", async () => {
    clock = new ManualClock();
    start({ clock });
    const first = await server.next();
    reflector.relist();
    first.json(200, { metadata: { resourceVersion: "10" }, items: [object("a", 5)] });
    await toldList(10, "a@5");
    await answerList(11, object("a", 5));
    await toldList(11, "a@5");
    await proveWatch(await answerWatch(11), 12);
  });

  test("comes in spite of a failure", async () => {
    const watch = await watching();
    reflector.relist();
    await watch.closed;
    failNext = true;
    await answerList(12, object("a", 5));
    await answerList(12, object("a", 5));
    await toldList(12, "a@5");
    expect(failures).toEqual(["the handler stumbles"]);
  });
});
