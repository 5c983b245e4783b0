import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { findTool } from "./tool-path.ts";

it("finds the first executable file of that name, past folders and plain files", () => {
  const dir = mkdtempSync(join(tmpdir(), "path-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [plain, folder, real] = ["plain", "folder", "real"].map(name => join(dir, name)) as [string, string, string];
  for (const path of [plain, join(folder, "tool"), real]) mkdirSync(path, { recursive: true });
  writeFileSync(join(plain, "tool"), "");
  chmodSync(join(plain, "tool"), 0o644);
  writeFileSync(join(real, "tool"), "");
  chmodSync(join(real, "tool"), 0o755);
  expect(findTool("tool", ["", plain, folder, real].join(delimiter))).toBe(join(real, "tool"));
  expect(() => findTool("tool", plain)).toThrow(expect.objectContaining({ code: "LOCAL_TOOL_MISSING" }));
});
