/** The kubeconfig of the embedded cluster. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** kwokctl's client certificate, its key and the CA, all PEM. */
export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function readCredentials(clusterDir: string): Credentials {
  const pem = (name: string) => readFileSync(join(clusterDir, "pki", name), "utf8");
  return { ca: pem("ca.crt"), cert: pem("admin.crt"), key: pem("admin.key") };
}

/** Self-contained, unlike kwokctl's own, so that its text can leave this machine's folder structure (a stack output). */
export function kubeconfigOf(name: string, server: string, credentials: Credentials): string {
  const base64 = (pem: string) => Buffer.from(pem).toString("base64");
  return `apiVersion: v1
kind: Config
current-context: ${name}
contexts:
  - name: ${name}
    context: { cluster: ${name}, user: ${name} }
clusters:
  - name: ${name}
    cluster:
      server: ${server}
      certificate-authority-data: ${base64(credentials.ca)}
users:
  - name: ${name}
    user:
      client-certificate-data: ${base64(credentials.cert)}
      client-key-data: ${base64(credentials.key)}
`;
}

/** For a service that logs in as a ServiceAccount. The token is in a file beside this one, as it is renewed. */
export function tokenKubeconfig(of: {
  account: { namespace: string; name: string };
  server: string;
  ca: string;
}): string {
  const { account, server, ca } = of;
  const user = `${account.namespace}.${account.name}`;
  return `apiVersion: v1
kind: Config
current-context: ${user}
contexts:
  - name: ${user}
    context: { cluster: local, user: ${user}, namespace: ${account.namespace} }
clusters:
  - name: local
    cluster:
      server: ${server}
      certificate-authority-data: ${Buffer.from(ca).toString("base64")}
users:
  - name: ${user}
    user: { tokenFile: ${user}.token }
`;
}
