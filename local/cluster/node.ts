/** The one simulated node, and what a first Deployment needs besides it. */
import { type Answer, call } from "../http.ts";
import type { Credentials } from "./kubeconfig.ts";

const nodeName = "local";

interface NodeObject {
  readonly spec?: { readonly taints?: readonly unknown[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/**
 * Creates the node if it is missing, and tells whether pods can be made and placed: the node is Ready and untainted,
 * and the default ServiceAccount exists (without it a ReplicaSet's first attempts fail and it backs off).
 * @returns what is still missing; undefined when nothing is
 */
export async function ensureNode(server: string, credentials: Credentials): Promise<string | undefined> {
  try {
    return await missingPart((path, body) =>
      call({
        url: `${server}${path}`,
        method: body === undefined ? "GET" : "POST",
        body,
        timeoutMs: 5_000,
        tls: credentials,
      }),
    );
  } catch (error) {
    return `the API server does not answer (${error instanceof Error ? error.message : error})`;
  }
}

type Ask = (path: string, body?: unknown) => Promise<Answer>;

async function missingPart(ask: Ask): Promise<string | undefined> {
  const found = await ask(`/api/v1/nodes/${nodeName}`);
  if (found.status === 404) {
    await ask("/api/v1/nodes", simulatedNode());
    return `the node ${nodeName} does not exist`;
  }
  if (found.status !== 200) return `reading the node ${nodeName} is answered with ${found.status}`;
  const node = JSON.parse(found.body) as NodeObject;
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  if (ready !== true || (node.spec?.taints ?? []).length > 0) return `the node ${nodeName} is not Ready`;
  const account = await ask("/api/v1/namespaces/default/serviceaccounts/default");
  return account.status === 200 ? undefined : "the default ServiceAccount does not exist";
}

/** kwok fills in the status; see its stage node-initialize. */
function simulatedNode(): unknown {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeName,
      annotations: { "kwok.x-k8s.io/node": "fake" },
      labels: { "kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", type: "kwok" },
    },
  };
}
