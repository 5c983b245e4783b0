import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CodedError } from "../lib/errors.ts";
import { type ConfigKey, checkValue, configKeys, MAX_SECRET_BYTES, readSettings } from "./config.ts";
import { root } from "./paths.ts";

interface ProjectKey {
  readonly type: string;
  readonly description: string;
  readonly default: string | number;
}

const project: { config: Record<string, ProjectKey> } = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8"));
const declared = new Map(
  Object.entries(project.config)
    .filter(([key]) => !key.startsWith("pulumi:"))
    .map(([key, row]) => [key.replace("dynamic-mode:", ""), row]),
);

function failure(part: () => unknown): CodedError {
  try {
    part();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("expected an error");
}

describe("Pulumi.yaml and the program", () => {
  it("know the same keys", () => {
    expect([...declared.keys()].sort()).toEqual([...configKeys].sort());
  });

  it("agree that each default is allowed, and describe each key", () => {
    for (const [key, row] of declared) {
      expect(checkValue(key as ConfigKey, String(row.default))).toBe(String(row.default));
      expect(row.description.length).toBeGreaterThan(10);
    }
  });
});

describe("checkValue", () => {
  it.each([
    ["replicas", "-1", "a whole number from 0 to 1000"],
    ["replicas", "2.5", "a whole number from 0 to 1000"],
    ["substrate", "docker", "kind, local, existing"],
    ["mode", "static", "dynamic, subscription"],
    ["vaultPort", "65536", "a whole number from 0 to 65535"],
    ["refreshInterval", "0s", "a duration of at least a second"],
    ["refreshInterval", "500ms", "a duration of at least a second"],
    ["clusterName", "Demo", "up to 50 of a-z"],
    ["image", "not an image", "an image such as nginx:latest"],
    ["vaultAddress", "10.0.0.5", "http://host:port"],
  ] as const)("refuses %s = %s with key, value and what is allowed", (key, value, allowed) => {
    const error = failure(() => checkValue(key, value));
    expect(error.code).toBe("INFRA_CONFIG_INVALID");
    expect(error.message).toContain(key);
    expect(error.message).toContain(JSON.stringify(value));
    expect(error.message).toContain(allowed);
  });

  it.each(["", "x".repeat(MAX_SECRET_BYTES + 1), "ü".repeat(MAX_SECRET_BYTES / 2 + 1), "a\0b"])(
    "refuses a secret that no container could get, and does not show it",
    value => {
      const error = failure(() => checkValue("secret", value));
      expect(error.message).toContain("secret is a value of");
      expect(error.message).toContain(`1 to ${MAX_SECRET_BYTES} bytes`);
      if (value.length > 3) expect(error.message).not.toContain(value.slice(0, 4));
    },
  );

  it("never shows a hidden value, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12 }).map(text => `${text}\0`),
        value => {
          const { message } = failure(() => checkValue("secret", value));
          expect(message).not.toContain(value);
          expect(message).not.toContain(value.slice(0, -1));
        },
      ),
    );
  });

  it.each(["5s", "1m30s", "1h"])("takes the duration %s", value => {
    expect(checkValue("refreshInterval", value)).toBe(value);
  });
});

describe("readSettings", () => {
  const defaults = Object.fromEntries([...declared].map(([key, row]) => [`dynamic-mode:${key}`, String(row.default)]));

  beforeAll(async () => {
    const nothing = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
    await pulumi.runtime.setMocks(nothing, "dynamic-mode", "test", false);
  });

  it("reads the defaults, and keeps the secret secret", async () => {
    pulumi.runtime.setAllConfig(defaults);
    const settings = readSettings();
    expect(settings).toMatchObject({ stack: "test", substrate: "kind", replicas: 2, image: "nginx:latest" });
    expect(await pulumi.isSecret(settings.secret)).toBe(true);
    expect(await pulumi.isSecret(settings.vaultToken)).toBe(true);
  });

  it("names the key whose value is not allowed", () => {
    pulumi.runtime.setAllConfig({ ...defaults, "dynamic-mode:replicas": "-1" });
    expect(failure(readSettings).message).toContain('replicas is "-1"');
  });

  it("asks for a port where kind cannot choose one", () => {
    pulumi.runtime.setAllConfig({ ...defaults, "dynamic-mode:vaultPort": "0" });
    expect(failure(readSettings).message).toContain("vaultPort is 0");
    pulumi.runtime.setAllConfig({ ...defaults, "dynamic-mode:vaultPort": "0", "dynamic-mode:substrate": "local" });
    expect(readSettings().vaultPort).toBe(0);
  });
});
