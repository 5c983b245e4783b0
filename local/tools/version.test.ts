import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, formatVersion, isWithin, parseVersion } from "./version.ts";

const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99));

describe("parseVersion", () => {
  it.each([
    ["Kubernetes v1.34.4", "1.34.4"],
    ["etcd Version: 3.7.3\nGit SHA: Not provided", "3.7.3"],
    ["kwok version v0.8.0 go1.26.8 (linux/amd64)", "0.8.0"],
    ["v3.259.0", "3.259.0"],
    ["Vault v1.17.6 (abc), built 2024-09-24T00:00:00Z", "1.17.6"],
    ["v1.35.0-alpha.1+k3s", "1.35.0"],
  ])("finds the version in %j", (said, expected) => {
    const found = parseVersion(said);
    expect(found && formatVersion(found)).toBe(expected);
  });

  it.each(["", "dev", "1.2", "command not found"])("finds none in %j", said => {
    expect(parseVersion(said)).toBeUndefined();
  });

  it("reads what it writes", () => {
    fc.assert(
      fc.property(version, one => {
        expect(parseVersion(`v${formatVersion(one)} of today`)).toEqual(one);
      }),
    );
  });
});

describe("isWithin", () => {
  it("takes the lower end and leaves the upper", () => {
    expect(isWithin("v1.34.0", "1.34.0", "1.35.0")).toBe(true);
    expect(isWithin("v1.34.99", "1.34.0", "1.35.0")).toBe(true);
    expect(isWithin("v1.35.0", "1.34.0", "1.35.0")).toBe(false);
    expect(isWithin("v1.33.9", "1.34.0", "1.35.0")).toBe(false);
    expect(isWithin("unknown", "1.34.0", "1.35.0")).toBe(false);
  });

  it("compares numbers, not text", () => {
    expect(isWithin("3.10.0", "3.9.0", "3.11.0")).toBe(true);
    fc.assert(
      fc.property(version, version, (left, right) => compareVersions(left, right) === -compareVersions(right, left)),
    );
  });
});
