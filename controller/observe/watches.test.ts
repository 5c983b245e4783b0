import { describe, expect, it } from "vitest";
import { agesByKind, checkWatches } from "./watches.ts";

function watch(kind: string, ageMs: number, group = "") {
  const apiVersion = group === "" ? "v1" : `${group}/v1`;
  const type = { group, version: "v1", apiVersion, kind, plural: `${kind}s`, namespaced: true };
  return { type, state: () => ({ phase: "watching" as const, ageMs, restarts: 0, refused: false }) };
}

describe("agesByKind", () => {
  it("tells the oldest watch of each kind", () => {
    const ages = agesByKind([watch("Secret", 10), watch("Deployment", 5, "apps"), watch("Secret", 70)]);
    expect([...ages]).toEqual([
      ["Secret", 70],
      ["Deployment.apps", 5],
    ]);
  });

  it("keeps the number of kinds bounded, and still tells the oldest", () => {
    const many = Array.from({ length: 300 }, (_, index) => watch(`K${index}`, index));
    const ages = agesByKind(many);
    expect(ages.size).toBe(101);
    expect(ages.get("other")).toBe(299);
  });
});

describe("checkWatches", () => {
  it("names the kinds that are silent", () => {
    const check = checkWatches([watch("Secret", 10), watch("Deployment", 200_000, "apps")], 180_000);
    expect(check.ok).toBe(false);
    expect(check.detail).toBe("1 of 2 watches gave no sign of life: Deployment.apps for 200 s");
    expect(checkWatches([watch("Secret", 180_000)], 180_000).ok).toBe(true);
  });
});
