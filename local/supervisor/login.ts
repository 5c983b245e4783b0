/**
 * A service's login to the embedded cluster as a ServiceAccount: a kubeconfig, and beside it a token that the API server
 * has bound to the account. The supervisor renews it long before it ends; client libraries read its file again.
 */
import { existsSync, readFileSync } from "node:fs";
import { clusterDirOf, readClusterRecord } from "../cluster/health.ts";
import { readCredentials, tokenKubeconfig } from "../cluster/kubeconfig.ts";
import { localErrors } from "../errors.ts";
import { call } from "../http.ts";
import { statePaths, writeFileAtomic } from "../state.ts";
import type { Account } from "./spec.ts";

const lifetimeSeconds = 24 * 3600;
const answerWithinMs = 5_000;

/**
 * Writes the account's kubeconfig with a new token; the cluster's admin asks for it.
 * @throws LOCAL_LOGIN_FAILED
 */
export async function writeLogin(stateDir: string, account: Account): Promise<void> {
  const { namespace, name } = account;
  try {
    const record = readClusterRecord(stateDir);
    if (record === undefined) throw new Error("there is no cluster");
    const credentials = readCredentials(clusterDirOf(stateDir, record.name));
    const server = `https://127.0.0.1:${record.ports["kube-apiserver"]}`;
    const { status, body } = await call({
      url: `${server}/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      method: "POST",
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: lifetimeSeconds },
      },
      timeoutMs: answerWithinMs,
      tls: credentials,
    });
    const answer = JSON.parse(body) as { message?: string; status?: { token?: string } };
    const token = status === 201 ? answer.status?.token : undefined;
    if (token === undefined) throw new Error(`the API server answers ${status}: ${answer.message}`);
    writeFileAtomic(statePaths.loginToken(stateDir, account), token);
    writeFileAtomic(statePaths.login(stateDir, account), tokenKubeconfig({ account, server, ca: credentials.ca }));
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw localErrors.LOCAL_LOGIN_FAILED({ account: `${namespace}/${name}`, problem }, cause);
  }
}

/** Whether half of the token's time is over, or none can be read. */
export function isLoginDue(stateDir: string, account: Account, now: number): boolean {
  const file = statePaths.loginToken(stateDir, account);
  const times = existsSync(file) ? timesOf(readFileSync(file, "utf8")) : undefined;
  return times === undefined || now >= (times.issuedMs + times.endsMs) / 2;
}

/** Of a JSON Web Token (RFC 7519); undefined: it is none. */
function timesOf(token: string): { issuedMs: number; endsMs: number } | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
      string,
      unknown
    >;
    const { iat, exp } = claims;
    if (typeof iat !== "number" || typeof exp !== "number") return undefined;
    return { issuedMs: iat * 1000, endsMs: exp * 1000 };
  } catch {
    return undefined;
  }
}
