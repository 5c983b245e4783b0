import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isWanted, nodePackage } from "./platform.mjs";
import { assertTask, taskEnvironment, tasksOf } from "./task.mjs";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

describe("tasksOf", () => {
  it("reads the tasks from npm's scripts, each once", () => {
    const scripts = {
      start: "node scripts/run.mjs start",
      test: "node scripts/run.mjs test",
      "test:unit": "node scripts/run.mjs test unit",
      other: "echo hello",
    };
    expect(tasksOf(scripts)).toEqual(["start", "test"]);
  });

  it("refuses an unknown task and lists the known ones", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
    const todo = `Name one of these: ${tasksOf(scripts).join(", ")}.`;
    expect(() => assertTask(root, "fly")).toThrow(expect.objectContaining({ code: "SETUP_UNKNOWN_TASK", todo }));
    expect(() => assertTask(root, undefined)).toThrow("no task was named");
    expect(() => assertTask(root, "start")).not.toThrow();
  });
});

describe("taskEnvironment", () => {
  it("puts Node, the tools and the dependencies before what was on PATH, each once", () => {
    const env = taskEnvironment(
      { PATH: "/usr/bin:/repo/.tools/bin", HOME: "/home/me" },
      { root: "/repo", node: "/n/bin/node" },
    );
    expect(env).toEqual({ PATH: "/n/bin:/repo/.tools/bin:/repo/node_modules/.bin:/usr/bin", HOME: "/home/me" });
  });
});

describe("Node's package", () => {
  it("is that of the platform, at an exact version of Node 24", () => {
    const versions = [
      ["linux", "x64"],
      ["linux", "arm64"],
      ["darwin", "x64"],
      ["darwin", "arm64"],
    ].map(([platform = "", arch = ""]) => nodePackage(platform, arch));
    for (const found of versions) expect(found?.spec).toMatch(/^node-[\w-]+@24\.\d+\.\d+$/);
    expect(nodePackage("sunos", "x64")).toBeUndefined();
  });

  it.each([
    ["v24.0.0", true],
    ["25.1.0", true],
    ["20.20.2", false],
    ["v9.1.0", false],
  ])("%s is new enough: %s", (version, expected) => {
    expect(isWanted(version)).toBe(expected);
  });
});
