import { describe, expect, it } from "vitest";
import { fakeTools } from "./fakeTools.ts";
import { imageReference, load } from "./image.ts";

describe("the controller's image", () => {
  it("is named by its content and its base", () => {
    expect(imageReference("node:24.21.0-slim")).toMatch(/^dynamic-mode-controller:[0-9a-f]{12}$/);
    expect(imageReference("node:24.21.0-slim")).toBe(imageReference("node:24.21.0-slim"));
    expect(imageReference("mirror.example/node:24")).not.toBe(imageReference("node:24.21.0-slim"));
  });

  it("is loaded directly where that works", async () => {
    using tools = fakeTools();
    await load(["dynamic-mode-controller:1"], "demo");
    expect(tools.calls()).toEqual(["kind load docker-image dynamic-mode-controller:1 --name demo"]);
  });

  it("is loaded as an archive of one platform where Docker's image store makes the direct way fail", async () => {
    using tools = fakeTools();
    tools.breakAt("no-load");
    await load(["dynamic-mode-controller:1"], "demo");
    expect(tools.calls()).toContainEqual(expect.stringMatching(/^docker save --platform linux\/amd64 /));
    expect(tools.calls().at(-1)).toMatch(/^kind load image-archive \S+image.tar --name demo$/);
  });

  it("that cannot be loaded at all fails with what both ways said", async () => {
    using tools = fakeTools();
    tools.breakAt("no-load");
    tools.breakAt("no-archive");
    await expect(load(["dynamic-mode-controller:1"], "demo")).rejects.toMatchObject({
      code: "KIND_LOAD_FAILED",
      message: expect.stringMatching(/content digest[\s\S]*no space left/),
    });
  });
});
