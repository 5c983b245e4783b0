import { expect, it } from "vitest";
import { describeOutcome, runProcess } from "./process.ts";

const shell = (
  script: string,
  more: { signal?: AbortSignal; stdin?: string; onLine?: (stream: string, line: string) => void } = {},
) =>
  runProcess({
    program: "/bin/sh",
    args: ["-c", script],
    env: process.env,
    stdin: more.stdin ?? "",
    signal: more.signal ?? new AbortController().signal,
    ...(more.onLine ? { onLine: more.onLine } : {}),
  });

it("gives both streams, line by line and whole, and the exit code", async () => {
  const lines: string[] = [];
  const run = await shell("cat; echo err >&2; printf last; exit 3", {
    stdin: "one\ntwo\n",
    onLine: (stream, line) => lines.push(`${stream}: ${line}`),
  });
  expect(run).toMatchObject({ outcome: 3, stdout: "one\ntwo\nlast", stderr: "err\n" });
  expect(lines.toSorted()).toEqual(["stderr: err", "stdout: last", "stdout: one", "stdout: two"]);
});

it("takes the children along when it is aborted", async () => {
  const abort = new AbortController();
  // The run ends only when nobody holds its streams any more: neither the shell nor the child in the background.
  const run = await shell("sleep 1000 & echo started; wait", {
    signal: abort.signal,
    onLine: () => abort.abort(new Error("cancelled")),
  });
  expect(describeOutcome(run.outcome, abort.signal)).toBe("signal: SIGTERM (cancelled)");
});

it("does not mind a program that leaves its stdin alone", async () => {
  expect((await shell("exit 0", { stdin: "x".repeat(1_000_000) })).outcome).toBe(0);
});

it("says when there is no such program", async () => {
  const signal = new AbortController().signal;
  const run = runProcess({ program: "no-such-program", args: [], env: {}, stdin: "", signal });
  await expect(run).rejects.toMatchObject({ code: "ENOENT" });
});
