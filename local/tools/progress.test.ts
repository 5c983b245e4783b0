import { describe, expect, it } from "vitest";
import { type BuildStep, formatDuration, progressPrinter } from "./progress.ts";

const step = (elapsedMs: number): BuildStep => ({ name: "kube-apiserver", position: 2, count: 9, elapsedMs });
const built = { name: "kube-apiserver", path: "/x", version: "1.34.4", origin: "built" } as const;

function printed(isTTY: boolean): { text: () => string; take: ReturnType<typeof progressPrinter> } {
  let text = "";
  const take = progressPrinter({
    isTTY,
    write: more => {
      text += more;
    },
  });
  return { text: () => text, take };
}

it.each([
  [0, "0s"],
  [45_400, "45s"],
  [59_600, "1m00s"],
  [80_000, "1m20s"],
  [3_600_000, "1h00m"],
  [3_725_000, "1h02m"],
])("%i ms are %s", (milliseconds, expected) => {
  expect(formatDuration(milliseconds)).toBe(expected);
});

describe("progress", () => {
  it("is one line on a terminal, rewritten in place, then the result", () => {
    const { text, take } = printed(true);
    take({ kind: "running", steps: [step(1000)] });
    take({ kind: "running", steps: [step(80_000)] });
    take({ kind: "built", step: step(81_000), tool: built });
    take({ kind: "running", steps: [step(1000)] });
    expect(text().split("\r\u001b[K")).toEqual([
      "  building kube-apiserver (2 of 9) 1s",
      "  building kube-apiserver (2 of 9) 1m20s",
      "  built kube-apiserver (2 of 9) 1.34.4 in 1m21s\n  building kube-apiserver (2 of 9) 1s",
    ]);
  });

  it("is a line every 15 seconds in a log", () => {
    const { text, take } = printed(false);
    for (let second = 1; second <= 40; second++) take({ kind: "running", steps: [step(second * 1000)] });
    take({ kind: "failed", step: step(40_000) });
    expect(text().trimEnd().split("\n")).toEqual([
      "  building kube-apiserver (2 of 9) 15s",
      "  building kube-apiserver (2 of 9) 30s",
      "  failed to build kube-apiserver (2 of 9) after 40s",
    ]);
  });

  it("names all builds that run at once", () => {
    const { text, take } = printed(true);
    take({ kind: "running", steps: [step(5000), { name: "vault", position: 3, count: 9, elapsedMs: 2000 }] });
    expect(text()).toBe("  building kube-apiserver (2 of 9) 5s, vault (3 of 9) 2s");
  });
});
