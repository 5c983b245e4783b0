import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createQueue, type Outcome, type Priority, type QueueOptions, type RunContext } from "./queue.ts";
import { ManualClock } from "./testing/manualClock.ts";

interface Run {
  key: string;
  context: RunContext;
  succeed(outcome?: Outcome): Promise<void>;
  fail(): Promise<void>;
}

/** A queue whose runs end when the test says so. */
function setUp(options: Partial<QueueOptions> = {}) {
  const clock = new ManualClock();
  const started: Run[] = [];
  const queue = createQueue({
    concurrency: 1,
    baseDelayMs: 1_000,
    maxDelayMs: 900_000,
    clock,
    random: () => 0.5,
    process: (key, context) =>
      new Promise<Outcome>((resolve, reject) => {
        started.push({
          key,
          context,
          succeed: async (outcome = {}) => {
            resolve(outcome);
            await turn();
          },
          fail: async () => {
            reject(new Error("failed"));
            await turn();
          },
        });
      }),
    ...options,
  });
  const last = (): Run => {
    const run = started.at(-1);
    if (run === undefined) throw new Error("nothing has started");
    return run;
  };
  return { clock, queue, started, last, keys: () => started.map(run => run.key) };
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve));

async function runAll({ started }: { started: Run[] }): Promise<void> {
  await turn();
  for (let next = 0; next < started.length; next++) await started[next]?.succeed();
}

describe("a key", () => {
  test("lets a failure say how long the pause may grow", async () => {
    const { clock, queue, started, last } = setUp({ maxDelayMs: () => 1_500 });
    queue.add("a");
    await turn();
    for (const pause of [1_000, 1_500, 1_500]) {
      const before = started.length;
      await last().fail();
      clock.advance(pause - 1);
      await turn();
      expect(started).toHaveLength(before);
      clock.advance(1);
      await turn();
      expect(started).toHaveLength(before + 1);
    }
  });

  test("added many times while it runs is run once more", async () => {
    const { queue, started, last } = setUp({ concurrency: 5 });
    queue.add("a");
    await turn();
    for (let i = 0; i < 10; i++) queue.add("a");
    await turn();
    expect(started).toHaveLength(1);
    await last().succeed();
    expect(started).toHaveLength(2);
    await last().succeed();
    expect(started).toHaveLength(2);
    expect(queue.stats()).toEqual({ queued: 0, delayed: 0, running: 0, failing: 0, oldestWaitMs: 0 });
  });

  test("runs later when asked for later, and earlier when asked for earlier", async () => {
    const { queue, keys } = setUp();
    queue.add("a", { afterMs: 5_000 });
    queue.add("b", { afterMs: 5_000 });
    queue.add("b");
    await turn();
    expect(keys()).toEqual(["b"]);
    expect(queue.stats().delayed).toBe(1);
  });

  test("is run again after the time its outcome asks for", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    await turn();
    await last().succeed({ requeueAfterMs: 60_000 });
    clock.advance(59_999);
    await turn();
    expect(started).toHaveLength(1);
    clock.advance(1);
    await turn();
    expect(started).toHaveLength(2);
  });

  test("may be due in months", async () => {
    const { queue, started } = setUp();
    queue.add("a", { afterMs: 90 * 86_400_000 });
    await turn();
    expect(started).toHaveLength(0);
    expect(queue.stats().delayed).toBe(1);
  });
});

describe("a failure", () => {
  test("is repeated after 1, 2, 4 s and so on up to 15 min; a success resets that", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    await turn();
    for (const pause of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]) {
      const before = started.length;
      await last().fail();
      clock.advance(pause * 1_000 - 1);
      await turn();
      expect(started).toHaveLength(before);
      clock.advance(1);
      await turn();
      expect(started).toHaveLength(before + 1);
    }
    expect(last().context.failures).toBe(13);
    await last().succeed();
    expect(queue.stats()).toMatchObject({ failing: 0, delayed: 0 });
    queue.add("a");
    await turn();
    expect(last().context.failures).toBe(0);
  });

  test("goes on counting where an earlier process stopped", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    await turn();
    queue.resume("a", 4);
    await last().fail();
    clock.advance(15_999);
    await turn();
    expect(started).toHaveLength(1);
    clock.advance(1);
    await turn();
    expect(started).toHaveLength(2);
  });

  test("ten thousand times in a row still leads to the next run", async () => {
    const { queue, clock, started, last } = setUp({ random: Math.random });
    queue.add("a");
    await turn();
    for (let n = 0; n < 10_000; n++) {
      await last().fail();
      clock.advance(990_001);
      await turn();
    }
    expect(started).toHaveLength(10_001);
  });

  test("is not waited out when something changes: the next run comes one base delay after the failed one", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    await turn();
    for (let n = 0; n < 8; n++) {
      await last().fail();
      queue.add("a");
      await turn();
      expect(started).toHaveLength(n + 1);
      clock.advance(1_000);
      await turn();
      expect(started).toHaveLength(n + 2);
    }
  });

  test("during which something changed does not spin either", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    await turn();
    queue.add("a");
    await last().fail();
    expect(started).toHaveLength(1);
    clock.advance(1_000);
    await turn();
    expect(started).toHaveLength(2);
  });

  test("does not hold up what a user does", async () => {
    const { queue, started, last } = setUp();
    queue.add("a");
    await turn();
    await last().fail();
    queue.add("a", { priority: "high" });
    await turn();
    expect(started).toHaveLength(2);
  });
});

describe("between keys", () => {
  test("high goes before normal before low, first come first served within", async () => {
    const made = setUp();
    made.queue.add("running");
    await turn();
    for (const [key, priority] of [
      ["l", "low"],
      ["n1", "normal"],
      ["n2", "normal"],
      ["h", "high"],
    ] as const) {
      made.queue.add(key, { priority });
    }
    made.queue.add("n2", { priority: "normal" });
    await runAll(made);
    expect(made.keys()).toEqual(["running", "h", "n1", "n2", "l"]);
  });

  test("a key that waits already moves up when it becomes urgent, and never down", async () => {
    const made = setUp();
    made.queue.add("running");
    await turn();
    made.queue.add("a");
    made.queue.add("b", { priority: "low" });
    made.queue.add("b", { priority: "high" });
    made.queue.add("b", { priority: "low" });
    await runAll(made);
    expect(made.keys()).toEqual(["running", "b", "a"]);
  });

  test("low ones are not starved by an endless stream of high ones", async () => {
    const { queue, clock, started, last, keys } = setUp();
    queue.add("low", { priority: "low" });
    clock.advance(1);
    for (let n = 0; n < 20; n++) queue.add(`high${n}`, { priority: "high" });
    await turn();
    while (!keys().includes("low")) {
      clock.advance(1);
      queue.add(`late${started.length}`, { priority: "high" });
      await last().succeed();
    }
    expect(started.length).toBeLessThanOrEqual(10);
  });

  test("no more run at once than allowed; waiting is told", async () => {
    const { queue, clock, started, last } = setUp({ concurrency: 3 });
    for (const key of ["a", "b", "c", "d", "e"]) queue.add(key);
    await turn();
    clock.advance(250);
    expect(queue.stats()).toMatchObject({ running: 3, queued: 2, oldestWaitMs: 250 });
    await started[0]?.succeed();
    expect(last()).toMatchObject({ key: "d", context: { waitedMs: 250 } });
  });
});

describe("the end", () => {
  test("idle resolves once nothing runs or is ready, whatever is due later", async () => {
    const { queue, last } = setUp();
    await queue.idle();
    queue.add("later", { afterMs: 1_000 });
    await queue.idle();
    queue.add("a");
    let idle = false;
    const waiting = queue.idle().then(() => {
      idle = true;
    });
    await turn();
    queue.add("a");
    await last().succeed();
    expect(idle).toBe(false);
    await last().succeed();
    await waiting;
  });

  test("stop waits for what runs and starts nothing more", async () => {
    const { queue, clock, started, last } = setUp();
    queue.add("a");
    queue.add("b");
    await turn();
    let stopped = false;
    const stopping = queue.stop({ graceMs: 5_000 }).then(() => {
      stopped = true;
    });
    queue.add("c");
    await turn();
    expect([stopped, last().context.signal.aborted]).toEqual([false, false]);
    clock.advance(5_000);
    expect(last().context.signal.aborted).toBe(true);
    await last().fail();
    await stopping;
    clock.advance(1_000_000);
    await turn();
    expect(started.map(run => run.key)).toEqual(["a"]);
  });
});

/** Random adds, ends of runs and passing time, checked against what the queue promises. */
describe("whatever happens", () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("add" as const),
      key: fc.constantFrom("a", "b", "c", "d"),
      priority: fc.constantFrom<Priority>("high", "normal", "low"),
      afterMs: fc.constantFrom(0, 0, 50, 5_000),
    }),
    fc.record({ do: fc.constant("end" as const), pick: fc.nat(7), ok: fc.boolean() }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 100, 1_000, 20_000) }),
  );

  test("runs of a key never overlap, and every add is followed by a run that starts after it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const running = new Map<string, (ok: boolean) => void>();
          const pending = new Set<string>();
          let adds = 0;
          let runs = 0;
          let failures = 0;
          const clock = new ManualClock();
          const queue = createQueue({
            concurrency,
            baseDelayMs: 1_000,
            maxDelayMs: 60_000,
            clock,
            random: () => 0.5,
            process: key => {
              expect(running.has(key)).toBe(false);
              expect(running.size).toBeLessThan(concurrency);
              pending.delete(key);
              runs++;
              return new Promise((resolve, reject) => {
                running.set(key, ok => {
                  running.delete(key);
                  if (ok) return resolve({});
                  failures++;
                  reject(new Error("failed"));
                });
              });
            },
          });
          const endOne = (index: number, ok: boolean) => [...running.values()][index % Math.max(1, running.size)]?.(ok);
          for (const now of steps) {
            if (now.do === "add") {
              adds++;
              pending.add(now.key);
              queue.add(now.key, { priority: now.priority, afterMs: now.afterMs });
            } else if (now.do === "end") endOne(now.pick, now.ok);
            else clock.advance(now.ms);
            await turn();
          }
          for (let quiet = 0; quiet < 2; ) {
            quiet = running.size === 0 ? quiet + 1 : 0;
            endOne(0, true);
            clock.advance(70_000);
            await turn();
          }
          expect([...pending]).toEqual([]);
          expect(runs).toBeLessThanOrEqual(adds + failures);
          expect(queue.stats()).toEqual({ queued: 0, delayed: 0, running: 0, failing: 0, oldestWaitMs: 0 });
        },
      ),
      { numRuns: 150 },
    );
  });
});
