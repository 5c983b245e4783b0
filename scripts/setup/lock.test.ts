import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withLock } from "./lock.mjs";

const newFile = () => join(mkdtempSync(join(tmpdir(), "setup-lock-")), "setup.lock");
const never = (pid: number): never => {
  throw new Error(`waits for ${pid}`);
};

describe("withLock", () => {
  it("lets one in at a time and leaves nothing behind", async () => {
    const file = newFile();
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(resolve => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withLock(file, () => undefined, work)));
    expect(most).toBe(1);
    expect(readdirSync(join(file, ".."))).toEqual([]);
  });

  it("tells whom it waits for", async () => {
    const file = newFile();
    const waitedFor: number[] = [];
    const gate = Promise.withResolvers<void>();
    const first = withLock(file, never, () => gate.promise);
    const second = withLock(
      file,
      pid => {
        waitedFor.push(pid);
        gate.resolve();
      },
      async () => "second",
    );
    await expect(first).resolves.toBeUndefined();
    await expect(second).resolves.toBe("second");
    expect(waitedFor).toEqual([process.pid]);
  });

  it.each([
    ["a process that has ended", String(spawnSync("true").pid)],
    ["nobody", ""],
  ])("takes over a lock of %s", async (_, content) => {
    const file = newFile();
    writeFileSync(file, content);
    await expect(withLock(file, never, async () => "mine")).resolves.toBe("mine");
  });

  it("is free again after a failure", async () => {
    const file = newFile();
    const failing = async () => {
      throw new Error("broken");
    };
    await expect(withLock(file, never, failing)).rejects.toThrow("broken");
    await expect(withLock(file, never, async () => "next")).resolves.toBe("next");
  });
});
