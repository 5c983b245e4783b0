import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dependenciesAreThere, outdatedPackages } from "./dependencies.mjs";

const linux = { platform: "linux", arch: "x64" };

describe("outdatedPackages", () => {
  it("finds nothing when the lock files agree", () => {
    const versions = fc.dictionary(fc.stringMatching(/^node_modules\/[a-z]+$/), fc.record({ version: fc.string() }));
    fc.assert(
      fc.property(versions, packages => {
        const own = { "": { version: "1.0.0" } };
        expect(outdatedPackages({ packages: { ...own, ...packages } }, { packages }, linux)).toEqual([]);
      }),
    );
  });

  it("names what is missing and what has another version", () => {
    const wanted = { packages: { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" } } };
    const installed = { packages: { "node_modules/b": { version: "1.9.0" } } };
    expect(outdatedPackages(wanted, installed, linux)).toEqual(["node_modules/a", "node_modules/b"]);
  });

  it.each([
    ["another system's", { optional: true, os: ["darwin"] }, []],
    ["another processor's", { optional: true, cpu: ["arm64"] }, []],
    ["one excluded here", { optional: true, os: ["!linux"] }, []],
    ["one for a C library, which npm decides on", { optional: true, os: ["linux"], libc: ["musl"] }, []],
    ["perhaps needed only by another system's", { optional: true }, []],
    ["this machine's", { optional: true, os: ["linux"], cpu: ["x64"] }, ["node_modules/p"]],
    ["one excluded elsewhere", { optional: true, os: ["!win32"] }, ["node_modules/p"]],
    ["no optional one", { os: ["darwin"] }, ["node_modules/p"]],
  ])("misses an absent package that is %s", (_, locked, expected) => {
    const wanted = { packages: { "node_modules/p": { version: "1.0.0", ...locked } } };
    expect(outdatedPackages(wanted, {}, linux)).toEqual(expected);
  });
});

it("is content with what npm has installed here", () => {
  expect(dependenciesAreThere(new URL("../..", import.meta.url).pathname)).toBe(true);
});
