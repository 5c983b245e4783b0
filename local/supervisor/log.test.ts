import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { boundLog } from "./log.ts";

it("moves a log aside once it is too large, and only then", () => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "x.log");
  boundLog(file, 10);
  writeFileSync(file, "1234567890");
  boundLog(file, 10);
  expect(existsSync(`${file}.1`)).toBe(false);
  appendFileSync(file, "!");
  boundLog(file, 10);
  expect([readFileSync(file, "utf8"), readFileSync(`${file}.1`, "utf8")]).toEqual(["", "1234567890!"]);
});
