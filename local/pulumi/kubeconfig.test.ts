import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { clusterAccess, clusterChanges } from "./kubeconfig.ts";
import { UNKNOWN } from "./wire.ts";

const kubeconfig = (server: string, user = "token: t0ken") => `
current-context: one
contexts:
- {name: one, context: {cluster: c, user: u, namespace: team}}
- {name: two, context: {cluster: other, user: u}}
clusters:
- {name: c, cluster: {server: "${server}", certificate-authority: ca.crt}}
- {name: other, cluster: {server: "https://other:1", insecure-skip-tls-verify: true}}
users:
- {name: u, user: {${user}}}
`;

function folderWithCa(): string {
  const folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  writeFileSync(join(folder, "ca.crt"), "the CA");
  writeFileSync(join(folder, "config"), kubeconfig("https://one:6443"));
  return folder;
}

it("reads a path, with the files beside it", () => {
  const access = clusterAccess({ kubeconfig: join(folderWithCa(), "config") });
  expect(access).toMatchObject({
    server: "https://one:6443",
    namespace: "team",
    headers: { authorization: "Bearer t0ken" },
  });
  expect(String(access.tls.ca)).toBe("the CA");
});

it("reads text, and another context of it", () => {
  const access = clusterAccess({ kubeconfig: kubeconfig("https://one:6443"), context: "two" });
  expect(access).toMatchObject({
    server: "https://other:1",
    namespace: "default",
    tls: { rejectUnauthorized: false },
  });
});

it.each([
  ["no/such/file", {}, "KUBECONFIG_UNREADABLE"],
  ["just\ntext", {}, "KUBECONFIG_UNREADABLE"],
  [kubeconfig("https://one"), { context: "none" }, "KUBECONFIG_NO_CLUSTER"],
  [kubeconfig("https://one", "exec: {command: login}"), { context: "two" }, "KUBECONFIG_LOGIN_UNSUPPORTED"],
])("refuses what it cannot use: %j %j", (text, choice, code) => {
  expect(() => clusterAccess({ kubeconfig: text, ...choice })).toThrow(expect.objectContaining({ code }));
});

it.each([
  ["an identifier that stays decides alone", { clusterIdentifier: "1", kubeconfig: UNKNOWN }, []],
  ["another identifier is another cluster", { clusterIdentifier: "2" }, ["clusterIdentifier"]],
  [
    "without one, an unknown kubeconfig may be another cluster",
    { clusterIdentifier: undefined, kubeconfig: UNKNOWN },
    ["kubeconfig"],
  ],
  ["another user is not", { clusterIdentifier: undefined, kubeconfig: "user" }, []],
  ["another server is", { clusterIdentifier: undefined, kubeconfig: "server" }, ["kubeconfig"]],
  ["neither is an identifier that is dropped", { clusterIdentifier: undefined }, []],
])("%s", (_, change, replaces) => {
  const texts: Record<string, string> = {
    user: kubeconfig("https://one:1", "token: other").replaceAll("certificate-authority: ca.crt", ""),
    server: kubeconfig("https://two:1").replaceAll("certificate-authority: ca.crt", ""),
  };
  const before = {
    clusterIdentifier: "1",
    kubeconfig: kubeconfig("https://one:1").replaceAll("certificate-authority: ca.crt", ""),
  };
  const { clusterIdentifier, kubeconfig: text } = { ...before, ...change };
  const after = { ...(clusterIdentifier ? { clusterIdentifier } : {}), kubeconfig: texts[text] ?? text };
  expect(clusterChanges(before, after)).toEqual(replaces);
});
