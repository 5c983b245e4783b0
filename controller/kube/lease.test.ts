import { describe, expect, test } from "vitest";
import {
  heldSpec,
  identityOf,
  type LeaseSpec,
  leaseObject,
  mayAcquire,
  observe,
  releasedSpec,
  specOf,
} from "./lease.ts";

const durationMs = 15_000;
const me = { identity: identityOf("atc-1", "x"), succeedsItself: false, durationMs };
const ref = { namespace: "atc", name: "atc" };
const lease = (spec: LeaseSpec) => leaseObject(ref, spec);
const other = (renewTime: string) => lease({ holderIdentity: "atc-0_y", leaseDurationSeconds: 15, renewTime });

describe("a candidate", () => {
  test("takes a Lease that is not there, or nobody's", () => {
    expect(mayAcquire(observe(undefined, undefined, 0), me, 0)).toBe(true);
    expect(mayAcquire(observe(undefined, lease(releasedSpec(0)), 0), me, 0)).toBe(true);
  });

  test("waits until it has seen no change for the time that the Lease names, whatever its dates say", () => {
    const seen = observe(undefined, other("1970-01-01T00:00:00.000000Z"), 100);
    expect(mayAcquire(seen, me, 15_099)).toBe(false);
    expect(mayAcquire(seen, me, 15_100)).toBe(true);
  });

  test("waits anew after each renewal, but not after somebody else's touch", () => {
    const first = observe(undefined, other("a"), 0);
    const touched = { ...other("a"), metadata: { ...ref, resourceVersion: "9", annotations: { seen: "yes" } } };
    expect(observe(first, touched, 10_000).since).toBe(0);
    expect(observe(first, other("b"), 10_000).since).toBe(10_000);
  });

  test("respects a Lease that vanished as long as its holder may not know", () => {
    const seen = observe(observe(undefined, other("a"), 0), undefined, 5_000);
    expect(mayAcquire(seen, me, 14_999)).toBe(false);
    expect(mayAcquire(seen, me, 15_000)).toBe(true);
  });

  test("takes its own replica's Lease at once only where that is asked for", () => {
    const seen = observe(
      undefined,
      lease({ holderIdentity: identityOf("atc-1", "former"), leaseDurationSeconds: 15 }),
      0,
    );
    expect(mayAcquire(seen, me, 1)).toBe(false);
    expect(mayAcquire(seen, { ...me, succeedsItself: true }, 1)).toBe(true);
    expect(mayAcquire(seen, { ...me, identity: identityOf("atc-2", "x"), succeedsItself: true }, 1)).toBe(false);
  });
});

test("a Lease counts its transitions, and keeps when its holder came", () => {
  const first = heldSpec(undefined, me, 0);
  expect(first).toEqual({
    holderIdentity: "atc-1_x",
    leaseDurationSeconds: 15,
    acquireTime: "1970-01-01T00:00:00.000000Z",
    renewTime: "1970-01-01T00:00:00.000000Z",
    leaseTransitions: 0,
  });
  const renewed = heldSpec(lease(first), me, 1_000);
  expect(renewed).toEqual({
    holderIdentity: "atc-1_x",
    leaseDurationSeconds: 15,
    renewTime: "1970-01-01T00:00:01.000000Z",
  });
  const next = heldSpec(lease({ ...first, ...renewed }), { ...me, identity: "b_1" }, 2_000);
  expect(next).toMatchObject({ acquireTime: next.renewTime, leaseTransitions: 1 });
});

test("a Lease never names less time than its holder counts on", () => {
  expect(heldSpec(undefined, { ...me, durationMs: 1_200 }, 0).leaseDurationSeconds).toBe(2);
  expect(specOf(lease(releasedSpec(0))).holderIdentity).toBeNull();
});
