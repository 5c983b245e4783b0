import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { helmRelease, localChartChecksum, mergedValues, upgradeArguments } from "./helm-release.ts";
import type { ClusterChoice } from "./kubeconfig.ts";

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

const inputs = { name: "vault", namespace: "vault", chart: "vault" };
const context = { type: "Release", name: "vault", signal: new AbortController().signal, log: () => undefined };

const releaseOn = (cluster: ClusterChoice, deleteUnreachable: boolean) =>
  helmRelease({ cluster, namespace: "default", deleteUnreachable });

/** Puts a `helm` on PATH that runs a line of shell; returns which commands it was asked for. */
function helmThat(line: string): () => string[] {
  const folder = mkdtempSync(join(tmpdir(), "helm-"));
  writeFileSync(join(folder, "helm"), `#!/bin/sh\necho $1 >>${folder}/calls\n${line}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", [folder, process.env["PATH"]].join(delimiter));
  return () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
}

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each([
  ["pending-install", ["status", "uninstall", "upgrade"]],
  ["pending-upgrade", ["status", "rollback", "upgrade"]],
  ["deployed", ["status", "upgrade"]],
])("goes on from a release that is %s", async (found, expected) => {
  const answer = JSON.stringify({ name: "vault", info: { status: found } });
  const calls = helmThat(`echo '${answer}'`);
  await releaseOn({}, false).create(inputs, context);
  expect(calls()).toEqual(expected);
});

it("forgets a release whose cluster is gone when that is asked for, and else says what to do", async () => {
  helmThat('echo "Error: Kubernetes cluster unreachable: dial tcp: connection refused" >&2; exit 1');
  const clusters = [{ name: "c", cluster: { server: "https://gone.example" } }];
  const contexts = [{ name: "x", context: { cluster: "c" } }];
  const cluster = { kubeconfig: JSON.stringify({ clusters, contexts }), context: "x" };
  await expect(releaseOn(cluster, false).delete("vault/vault", inputs, inputs, context)).rejects.toMatchObject({
    code: "KUBERNETES_UNREACHABLE",
    message: expect.stringContaining("https://gone.example"),
  });
  await releaseOn(cluster, true).delete("vault/vault", inputs, inputs, context);
});
