import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { lockHolder, withLock } from "./lock.ts";

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "lock-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe("withLock", () => {
  it("names the holder to a second one", async () => {
    const dir = folder();
    await withLock(dir, "npm start", async () => {
      await expect(withLock(dir, "npm start", async () => {})).rejects.toMatchObject({
        code: "LOCAL_LOCKED",
        message: expect.stringContaining(`npm start is already running here: process ${process.pid}`),
      });
    });
  });

  it("lets others in after success and after failure, and leaves no file", async () => {
    const dir = folder();
    await withLock(dir, "a", async () => {});
    await expect(withLock(dir, "a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await withLock(dir, "a", async () => 42)).toBe(42);
    expect(readdirSync(dir)).toEqual([]);
  });

  it("is one lock per name", async () => {
    const dir = folder();
    expect(await withLock(dir, "a", () => withLock(dir, "b", async () => lockHolder(dir, "a")?.pid))).toBe(process.pid);
  });

  it("takes over from a holder that is gone, and from one whose pid belongs to another process now", async () => {
    const dir = folder();
    const stale = { pid: process.pid, startedAt: "another boot", command: "old", since: "2026-01-01T00:00:00Z" };
    writeFileSync(join(dir, "a.lock"), JSON.stringify(stale));
    expect(lockHolder(dir, "a")).toBeUndefined();
    expect(await withLock(dir, "a", async () => lockHolder(dir, "a")?.startedAt)).not.toBe("another boot");
  });

  it("takes over a damaged file", async () => {
    const dir = folder();
    writeFileSync(join(dir, "a.lock"), "{");
    expect(await withLock(dir, "a", async () => "in")).toBe("in");
  });

  it("never lets two in at once, however many find the same stale lock", async () => {
    const dir = folder();
    writeFileSync(join(dir, "a.lock"), "{}");
    let inside = 0;
    let most = 0;
    const enter = () =>
      withLock(
        dir,
        "a",
        async () => {
          most = Math.max(most, ++inside);
          await new Promise(resolve => setImmediate(resolve));
          inside--;
        },
        { waitMs: 20_000 },
      );
    await Promise.all(Array.from({ length: 8 }, enter));
    expect(most).toBe(1);
  });
});
