import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { checkRecord, emptyRecord, type ReleaseRecord, readRecord, writeRecord } from "./record.ts";

function instance(atc: unknown): KubeObject {
  return { apiVersion: "examples.com/v1", kind: "Backend", metadata: { name: "nginx" }, status: { atc } };
}

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const ref = fc.record({ apiVersion: word, kind: word, namespace: fc.oneof(fc.constant(""), word), name: word });
const revisionName = fc.stringMatching(/^yoke\.[0-9a-f]{12}$/);
const revision = fc.record(
  { name: revisionName, pending: fc.boolean(), former: fc.array(revisionName), problem: word },
  { requiredKeys: ["name", "pending", "former"] },
);
const keyChange = fc.record({ key: word, before: word, after: word }, { requiredKeys: ["key"] });
const cause = fc.record({ change: word, object: ref, resourceVersion: word, keys: fc.array(keyChange) });
const change = fc.record({ object: ref, why: word, paths: fc.array(word) });
const times = { renderedAt: word, time: word, cause: word, flight: word, revision: word };
const roll = fc.record({ ...times, causes: fc.array(cause), changes: fc.array(change) });
const record: fc.Arbitrary<ReleaseRecord> = fc.record({
  flight: word,
  inputs: word,
  lookups: fc.array(ref),
  inventory: fc.array(fc.tuple(ref, fc.nat(5)).map(([entry, stage]) => ({ ...entry, stage }))),
  failures: fc.nat(),
  rolls: fc.array(roll, { maxLength: 3 }),
  stated: fc.record({ fields: fc.array(word), conditions: fc.array(word) }),
  revision,
});

describe("the release record", () => {
  it("is refused when etcd could not take it", () => {
    const entry = (at: number) => ({ apiVersion: "v1", kind: "ConfigMap", namespace: "ns", name: `c-${at}`, stage: 0 });
    const inventory = Array.from({ length: 10_000 }, (_, at) => ({ ...entry(at), name: `${"long".repeat(20)}-${at}` }));
    expect(() => checkRecord({ ...emptyRecord, inventory })).toThrow("10000 objects and 0 lookups");
    expect(() => checkRecord({ ...emptyRecord, inventory: inventory.slice(0, 5_000) })).not.toThrow();
  });

  it("comes back as it was written", () => {
    fc.assert(
      fc.property(record, written => {
        const stored: unknown = JSON.parse(JSON.stringify(writeRecord(written)));
        expect(readRecord(instance(stored))).toEqual(written);
      }),
    );
  });

  it("is empty for an instance without one", () => {
    expect(readRecord({ apiVersion: "v1", kind: "X", metadata: { name: "x" } })).toEqual(emptyRecord);
  });

  it("never fails on what somebody else wrote there", () => {
    fc.assert(
      fc.property(fc.jsonValue(), stored => {
        expect(() => readRecord(instance(stored))).not.toThrow();
      }),
    );
  });

  it("takes no entry that would leave its segment of a URL", () => {
    const odd = fc.oneof(
      word,
      fc.string(),
      fc.constantFrom("..", ".", "../../secrets/x", "a/b/c", "a%2fb", "a?b", "a\n"),
    );
    const entry = fc.record({ apiVersion: odd, kind: odd, namespace: odd, name: odd, stage: fc.oneof(fc.nat(), odd) });
    const forged = fc.oneof(fc.jsonValue(), fc.record({ inventory: fc.array(entry), lookups: fc.array(entry) }));
    fc.assert(
      fc.property(forged, stored => {
        const { inventory, lookups } = readRecord(instance(stored));
        for (const { kind, namespace, name } of [...inventory, ...lookups]) {
          const path = [kind, namespace, name].map(encodeURIComponent).join("/");
          expect(new URL(`http://host/${path}`).pathname.split("/")).toHaveLength(4);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("leaves out entries that name nothing", () => {
    const stored = { inventory: [{ apiVersion: "v1", kind: "Secret" }, 3, null], lookups: "no" };
    expect(readRecord(instance(stored))).toEqual(emptyRecord);
  });
});
