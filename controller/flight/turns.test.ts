import fc from "fast-check";
import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

/** Takes a turn and says whether it came at once. */
async function took(turns: Turns, group: string): Promise<boolean> {
  const running = turns.running;
  void turns.take(group);
  return turns.running > running;
}

test("one group has the pool's size, and another still gets a turn at once", async () => {
  const turns = new Turns(2);
  expect(await took(turns, "a")).toBe(true);
  expect(await took(turns, "a")).toBe(true);
  expect(await took(turns, "a")).toBe(false);
  expect(await took(turns, "b")).toBe(true);
  expect(await took(turns, "c")).toBe(false);
  expect(turns).toMatchObject({ running: 3, queued: 2 });
});

test("groups that wait are served in turn, those with the fewest runs first", async () => {
  const turns = new Turns(2);
  const order: string[] = [];
  const take = (group: string) => turns.take(group).then(() => order.push(group));
  await Promise.all([take("a"), take("a"), take("b")]);
  order.length = 0;
  const waiting = [take("a"), take("a"), take("b"), take("c"), take("c")];
  for (const group of ["a", "a", "b", "c", "c"]) {
    turns.pass(group);
    await Promise.resolve();
  }
  await Promise.all(waiting);
  expect(order).toEqual(["c", "a", "b", "c", "a"]);
});

test("what is aborted waits no more, and what waits is counted from its beginning", async () => {
  let now = 0;
  const turns = new Turns(1, () => now);
  await turns.take("a");
  const abort = new AbortController();
  const aborted = turns.take("a", abort.signal);
  now = 5;
  const waits = turns.take("a");
  now = 7;
  expect(turns.longestWait).toBe(7);
  abort.abort(new Error("not wanted"));
  await expect(aborted).rejects.toThrow("not wanted");
  expect(turns.longestWait).toBe(2);
  turns.pass("a");
  await waits;
  expect(turns).toMatchObject({ running: 1, queued: 0, longestWait: 0 });
});

test("whatever comes and goes: no group above the size, none waits for nothing, all are served", async () => {
  const steps = fc.array(fc.record({ group: fc.constantFrom("a", "b", "c"), ends: fc.boolean() }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (size, all) => {
      const turns = new Turns(size);
      const running: string[] = [];
      let asked = 0;
      const end = () => turns.pass(running.shift() ?? "none");
      for (const { group, ends } of all) {
        if (ends) end();
        else {
          asked += 1;
          void turns.take(group).then(() => running.push(group));
        }
        await new Promise(setImmediate);
        const counts = ["a", "b", "c"].map(name => running.filter(other => other === name).length);
        expect(Math.max(...counts)).toBeLessThanOrEqual(size);
        expect(running.length).toBeLessThanOrEqual(size + 1);
        expect(turns.running).toBe(running.length);
        if (turns.queued > 0) expect(running.length).toBeGreaterThanOrEqual(size);
      }
      for (let i = 0; i < asked; i++) {
        end();
        await new Promise(setImmediate);
      }
      expect(turns).toMatchObject({ running: 0, queued: 0 });
    }),
    { numRuns: 100 },
  );
});
