import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../controller/kube/config.ts";
import { tokenKubeconfig } from "../cluster/kubeconfig.ts";
import { statePaths, writeFileAtomic } from "../state.ts";
import { isLoginDue, writeLogin } from "./login.ts";

const account = { namespace: "atc", name: "controller" };

function stateDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "login-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

function tokenFrom(issued: number, ends: number): string {
  return ["e30", Buffer.from(JSON.stringify({ iat: issued, exp: ends })).toString("base64url"), "signature"].join(".");
}

it("is due when half of the token's time is over", () => {
  const dir = stateDir();
  writeFileAtomic(statePaths.loginToken(dir, account), tokenFrom(1_000, 2_000));
  expect(isLoginDue(dir, account, 1_499_000)).toBe(false);
  expect(isLoginDue(dir, account, 1_500_000)).toBe(true);
});

it.each(["", "no token", "a.b.c"])("is due when there is no token but %j", text => {
  const dir = stateDir();
  expect(isLoginDue(dir, account, 0)).toBe(true);
  writeFileAtomic(statePaths.loginToken(dir, account), text);
  expect(isLoginDue(dir, account, 0)).toBe(true);
});

it("says which account cannot log in, and why", async () => {
  await expect(writeLogin(stateDir(), account)).rejects.toMatchObject({
    code: "LOCAL_LOGIN_FAILED",
    message: expect.stringMatching(/atc\/controller: there is no cluster/),
  });
});

it("is a kubeconfig that reads its token from the file beside it", async () => {
  const dir = stateDir();
  const kubeconfig = statePaths.login(dir, account);
  writeFileAtomic(kubeconfig, tokenKubeconfig({ account, server: "https://127.0.0.1:1", ca: "-----BEGIN X-----\n" }));
  writeFileAtomic(statePaths.loginToken(dir, account), "t0ken");
  const config = loadConfig({ kubeconfig });
  expect(config).toMatchObject({ server: "https://127.0.0.1:1", namespace: "atc", ca: "-----BEGIN X-----\n" });
  expect(await config.token?.()).toBe("t0ken");
});
