import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadConfig } from "./config.ts";

const directory = mkdtempSync(join(tmpdir(), "config-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

const pem = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
const base64 = (text: string) => Buffer.from(text).toString("base64");

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === "string" ? content : stringify(content));
  return path;
}

function kubeconfig(cluster: object, user: object, context: object = {}): object {
  return {
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", ...context } }],
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user }],
  };
}

function load(content: unknown, context?: string) {
  const path = file("kubeconfig.yaml", content);
  return loadConfig({ kubeconfig: path, ...(context === undefined ? {} : { context }) });
}

describe("a kubeconfig", () => {
  test("brings server, namespace, user and inline certificates", () => {
    const certificates = { "client-certificate-data": base64(pem), "client-key-data": base64(pem) };
    const content = kubeconfig({ "certificate-authority-data": base64(pem) }, certificates, { namespace: "apps" });
    expect(load(content)).toEqual({
      server: "https://127.0.0.1:6443",
      ca: pem,
      cert: pem,
      key: pem,
      namespace: "apps",
      user: "u",
    });
  });

  test("finds certificates by a path relative to itself", () => {
    file("ca.crt", pem);
    expect(load(kubeconfig({ "certificate-authority": "ca.crt", "tls-server-name": "api" }, {}))).toMatchObject({
      ca: pem,
      serverName: "api",
      namespace: "default",
    });
  });

  test("brings a token, and prefers a token file", async () => {
    file("token", "from-file\n");
    expect(await load(kubeconfig({}, { token: "inline" })).token?.()).toBe("inline");
    expect(await load(kubeconfig({}, { token: "inline", tokenFile: "token" })).token?.()).toBe("from-file");
  });

  test("takes the context that is asked for", () => {
    const content = {
      ...kubeconfig({}, {}),
      contexts: [{ name: "other", context: { cluster: "c", namespace: "elsewhere" } }],
    };
    expect(load(content, "other")).toEqual({ server: "https://127.0.0.1:6443", namespace: "elsewhere" });
  });

  test("may be spread over several files", () => {
    const { users, ...rest } = kubeconfig({}, { token: "t" }) as { users: unknown };
    const KUBECONFIG = [file("one.yaml", rest), file("two.yaml", { users })].join(delimiter);
    expect(loadConfig({ env: { KUBECONFIG } })).toMatchObject({ user: "u" });
  });

  test.each([
    ["a missing context", { ...kubeconfig({}, {}), "current-context": "gone" }, "KUBE_CONFIG_INVALID", 'has no "gone"'],
    ["no current context", {}, "KUBE_CONFIG_INVALID", "current-context"],
    ["no server", kubeconfig({ server: "" }, {}), "KUBE_CONFIG_INVALID", "clusters[c].cluster.server"],
    ["a server that is no address", kubeconfig({ server: "nonsense" }, {}), "KUBE_CONFIG_INVALID", "nonsense"],
    ["insecure TLS", kubeconfig({ "insecure-skip-tls-verify": true }, {}), "KUBE_CONFIG_UNSUPPORTED", "refused"],
    ["a proxy", kubeconfig({ "proxy-url": "http://p" }, {}), "KUBE_CONFIG_UNSUPPORTED", "proxy-url"],
    ["an exec plugin", kubeconfig({}, { exec: { command: "aws" } }), "KUBE_CONFIG_UNSUPPORTED", "exec"],
    ["a key without certificate", kubeconfig({}, { "client-key-data": base64(pem) }), "KUBE_CONFIG_INVALID", "missing"],
    ["no PEM", kubeconfig({ "certificate-authority-data": "hunter2" }, {}), "KUBE_CONFIG_INVALID", "no PEM"],
    ["a lost file", kubeconfig({ "certificate-authority": "lost.crt" }, {}), "KUBE_CONFIG_UNREADABLE", "lost.crt"],
    ["no YAML", "users: [{ token: hunter2", "KUBE_CONFIG_UNREADABLE", "no valid YAML"],
    ["a list", [], "KUBE_CONFIG_UNREADABLE", "no kubeconfig"],
  ])("%s is named, without any secret", (_, content, code, words) => {
    const attempt = () => load(content);
    expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words) }));
    expect(attempt).not.toThrow("hunter2");
  });
});

describe("without a kubeconfig", () => {
  test("a pod uses its service account", async () => {
    const account = join(directory, "serviceaccount");
    mkdirSync(account);
    writeFileSync(join(account, "token"), "pod-token");
    writeFileSync(join(account, "ca.crt"), pem);
    writeFileSync(join(account, "namespace"), "atc\n");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const config = loadConfig({ env, serviceAccountDirectory: account });
    expect(config).toMatchObject({ server: "https://[fd00::1]:443", ca: pem, namespace: "atc", inCluster: true });
    expect(await config.token?.()).toBe("pod-token");
  });

  test("and without a pod it says what to do", () => {
    expect(() => loadConfig({ env: {} })).toThrow(expect.objectContaining({ code: "KUBE_CONFIG_NONE" }));
  });
});
