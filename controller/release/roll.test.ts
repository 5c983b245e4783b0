import { describe, expect, it } from "vitest";
import { type Roll, readRolls, withRoll, writeRoll } from "./roll.ts";

const object = { apiVersion: "v1", kind: "Secret", namespace: "default", name: "nginx" };

function roll(more: Partial<Roll> = {}): Roll {
  return {
    ...{
      renderedAt: "2026-01-01T00:00:00.000Z",
      time: "2026-01-01T00:00:00.020Z",
      cause: "Secret default/nginx updated",
    },
    ...{ flight: `sha256:${"a".repeat(64)}`, revision: "yoke.0123456789ab" },
    causes: [{ change: "updated", object, resourceVersion: "812", keys: [{ key: "hello", before: "b", after: "a" }] }],
    changes: [{ object: { ...object, kind: "Deployment" }, why: "changed", paths: ["spec.replicas"] }],
    ...more,
  };
}

const bytesOf = (rolls: readonly Roll[]) => Buffer.byteLength(JSON.stringify(rolls.map(writeRoll)));

describe("the rolls of a release", () => {
  it("are the latest, the newest first", () => {
    let rolls: readonly Roll[] = [];
    for (let number = 1; number <= 30; number++) rolls = withRoll(roll({ cause: `roll ${number}` }), rolls);
    expect(rolls.map(({ cause }) => cause).slice(0, 3)).toEqual(["roll 30", "roll 29", "roll 28"]);
    expect(rolls.length).toBeGreaterThan(5);
    expect(rolls.length).toBeLessThanOrEqual(10);
    expect(bytesOf(rolls)).toBeLessThanOrEqual(6_000);
  });

  it("take bounded room, however much a roll changed", () => {
    const path = "spec.template.metadata.annotations.".repeat(100);
    const changes = Array.from({ length: 500 }, () => ({ object, why: "changed", paths: Array(500).fill(path) }));
    const causes = Array.from({ length: 500 }, () => ({
      ...{ change: "updated", object, resourceVersion: "1" },
      keys: Array(500).fill({ key: "k", after: "h" }),
    }));
    let rolls: readonly Roll[] = [];
    for (let number = 1; number <= 5; number++) rolls = withRoll(roll({ cause: path, changes, causes }), rolls);
    expect(rolls).toHaveLength(1);
    expect(bytesOf(rolls)).toBeLessThan(12_000);
  });

  it("come back as they were written", () => {
    const rolls = withRoll(roll(), [roll({ flight: "", revision: "", causes: [], changes: [] })]);
    expect(readRolls(JSON.parse(JSON.stringify(rolls.map(writeRoll))))).toEqual(rolls);
  });

  it("are none where somebody wrote something else", () => {
    for (const stored of [undefined, "x", { rolls: [] }, [1, null, {}, { cause: 3 }]])
      expect(readRolls(stored)).toEqual([]);
  });
});
