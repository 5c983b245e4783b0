/** A kubeconfig with a ServiceAccount's token, so that the controller is told apart from the tests, which are admin. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createClient } from "../../../controller/kube/client.ts";
import { loadConfig } from "../../../controller/kube/config.ts";
import { eventually } from "./eventually.ts";

export interface Identity {
  /** Path of the kubeconfig. */
  readonly kubeconfig: string;
  /** `system:serviceaccount:<namespace>:<name>`. */
  readonly username: string;
}

export interface AccountRequest {
  readonly name: string;
  readonly namespace?: string;
  /** Rules of a ClusterRole of the same name; absent: cluster-admin. */
  readonly rules?: readonly unknown[];
}

const fieldManager = "e2e";

/** Makes the account, binds it, asks for a token that lasts for the tests, and waits until its rights count. */
export async function serviceAccount(
  admin: string,
  { name, namespace = "default", rules }: AccountRequest,
): Promise<Identity> {
  const config = loadConfig({ kubeconfig: admin });
  const client = createClient(config);
  try {
    const options = { fieldManager, force: true };
    await client.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } }, options);
    const role = `e2e-${namespace}-${name}`;
    const rbac = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: role } };
    if (rules !== undefined) await client.apply({ ...rbac, kind: "ClusterRole", rules }, options);
    const roleRef = {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name: rules === undefined ? "cluster-admin" : role,
    };
    const subjects = [{ kind: "ServiceAccount", name, namespace }];
    await client.apply({ ...rbac, kind: "ClusterRoleBinding", roleRef, subjects }, options);
    const answer = await client.transport.request({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 24 * 3600 },
      }),
    });
    if (answer.status !== 201) throw new Error(`no token for ${name}: HTTP ${answer.status} ${answer.body}`);
    const { token } = (JSON.parse(answer.body) as { status: { token: string } }).status;
    const { server, ca } = config;
    const kubeconfig = writeKubeconfig({ name, server, ca, token });
    await rightsCount(kubeconfig, namespace, rules ?? [everything]);
    return {
      kubeconfig,
      username: `system:serviceaccount:${namespace}:${name}`,
    };
  } finally {
    await client.transport.close();
  }
}

const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };

/** The API server learns of roles and bindings by watches, some moments after they are written. */
async function rightsCount(kubeconfig: string, namespace: string, rules: readonly unknown[]): Promise<void> {
  const client = createClient(loadConfig({ kubeconfig }));
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    metadata: { name: "" },
    spec: { namespace },
  };
  try {
    await eventually(`the rights of ${kubeconfig} count`, async () => {
      const { status } = await client.create(review, { fieldManager });
      const { resourceRules } = status as { resourceRules: unknown[] };
      const missing = rules.filter(rule => !resourceRules.some(known => isDeepStrictEqual(known, rule)));
      if (missing.length > 0) throw new Error(JSON.stringify(missing));
    });
  } finally {
    await client.transport.close();
  }
}

function writeKubeconfig(of: { name: string; server: string; ca: string | undefined; token: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "e2e-identity-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "kubeconfig.json");
  const { name, server, ca, token } = of;
  const authority = ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server, ...authority } }],
    users: [{ name, user: { token } }],
  };
  writeFileSync(path, JSON.stringify(kubeconfig), { mode: 0o600 });
  return path;
}
