import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, it, vi } from "vitest";
import { helmRelease, localChartChecksum, mergedValues, upgradeArguments } from "./helm-release.ts";

it("turns inputs into helm's flags and keeps values out of them", () => {
  const args = upgradeArguments({
    name: "vault",
    namespace: "vault",
    chart: "vault",
    version: "0.34.1",
    createNamespace: true,
    disableWebhooks: true,
    disableCRDHooks: true,
    atomic: false,
    timeout: 60,
    repositoryOpts: { repo: "https://charts.example.com" },
    values: { token: "s3cret" },
  });
  expect(args.join(" ")).toBe(
    "upgrade --install vault vault --values - --output json --wait --timeout 60s --create-namespace --no-hooks " +
      "--version 0.34.1 --repo https://charts.example.com",
  );
});

it("waits for nothing with skipAwait", () => {
  expect(upgradeArguments({ name: "n", chart: "./c", skipAwait: true })).not.toContain("--wait");
});

it("puts values over value files, the later file over the earlier", () => {
  const folder = mkdtempSync(join(tmpdir(), "values-"));
  writeFileSync(join(folder, "two.yaml"), "b: {x: file, y: file}\nlist: [1]");
  const valueYamlFiles = [
    { text: "a: first\nb: {y: first, z: first}\nlist: [1, 2]" },
    { path: join(folder, "two.yaml") },
  ];
  expect(mergedValues({ valueYamlFiles, values: { b: { x: "own" } } })).toEqual({
    a: "first",
    b: { x: "own", y: "file", z: "first" },
    list: [1],
  });
});

it("sees an edit anywhere in a chart's folder, and only there", () => {
  const chart = mkdtempSync(join(tmpdir(), "chart-"));
  mkdirSync(join(chart, "templates"));
  writeFileSync(join(chart, "Chart.yaml"), "name: c");
  writeFileSync(join(chart, "templates", "a.yaml"), "a");
  const before = localChartChecksum(chart);
  expect(before).toMatch(/^[0-9a-f]{64}$/);
  expect(localChartChecksum(chart)).toBe(before);
  writeFileSync(join(chart, "templates", "a.yaml"), "b");
  expect(localChartChecksum(chart)).not.toBe(before);
  expect(localChartChecksum("oci://registry.example.com/chart")).toBeUndefined();
});

it.each([
  ["pending-install", ["status", "uninstall", "upgrade"]],
  ["pending-upgrade", ["status", "rollback", "upgrade"]],
  ["deployed", ["status", "upgrade"]],
])("goes on from a release that is %s", async (found, expected) => {
  const folder = mkdtempSync(join(tmpdir(), "helm-"));
  const answer = JSON.stringify({ name: "vault", info: { status: found } });
  writeFileSync(join(folder, "helm"), `#!/bin/sh\necho $1 >>${folder}/calls\necho '${answer}'\n`, { mode: 0o755 });
  vi.stubEnv("PATH", [folder, process.env["PATH"]].join(delimiter));
  try {
    const inputs = { name: "vault", namespace: "vault", chart: "vault" };
    const context = { type: "Release", name: "vault", signal: new AbortController().signal, log: () => undefined };
    await helmRelease({ kubeconfig: undefined, context: undefined }, "default").create(inputs, context);
    expect(readFileSync(join(folder, "calls"), "utf8").trim().split("\n")).toEqual(expected);
  } finally {
    vi.unstubAllEnvs();
  }
});
