import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { collectAtRest, collectGarbage } from "./garbage.ts";

describe("garbage", () => {
  it("is collected without a flag of the command line, and nobody else gets the means", () => {
    // Tests may run with --expose-gc.
    const had = Reflect.has(globalThis, "gc");
    const lost = new WeakRef({ large: new Array(1_000) });
    return new Promise(setImmediate).then(() => {
      collectGarbage();
      expect(lost.deref()).toBeUndefined();
      expect(Reflect.has(globalThis, "gc")).toBe(had);
    });
  });
});

describe("a process at rest", () => {
  const mib = 2 ** 20;
  let heap: number;
  let collections: number;
  let resting: boolean;
  let end: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    [heap, collections, resting] = [200 * mib, 0, true];
    const collect = () => {
      collections++;
      heap = 60 * mib;
    };
    end = collectAtRest(
      () => resting,
      collect,
      () => heap,
    );
  });

  afterEach(() => {
    end();
    vi.useRealTimers();
  });

  it("gives back what its start left, once", () => {
    vi.advanceTimersByTime(60_000);
    expect([collections, heap]).toEqual([1, 60 * mib]);
  });

  it("does so again after a burst, and not for a little", () => {
    vi.advanceTimersByTime(10_000);
    heap += 20 * mib;
    vi.advanceTimersByTime(60_000);
    expect(collections).toBe(1);
    heap += 20 * mib;
    vi.advanceTimersByTime(5_000);
    expect(collections).toBe(2);
  });

  it("is one that has had nothing to do for a while: work is never held up", () => {
    for (let turn = 0; turn < 10; turn++) {
      resting = turn % 2 === 0;
      vi.advanceTimersByTime(5_000);
    }
    expect(collections).toBe(0);
  });

  it("stops to look when it is told to", () => {
    end();
    vi.advanceTimersByTime(60_000);
    expect(collections).toBe(0);
  });
});
