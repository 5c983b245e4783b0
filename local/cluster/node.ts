/** The one simulated node, and what a first Deployment needs besides it. */
import { Agent, request } from "node:https";
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
  const agent = new Agent({ keepAlive: true, ...credentials });
  try {
    return await missingPart((method, path, body) => send(server, agent, method, path, body));
  } catch (error) {
    return `the API server does not answer (${error instanceof Error ? error.message : error})`;
  } finally {
    agent.destroy();
  }
}

type Call = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: string }>;

async function missingPart(call: Call): Promise<string | undefined> {
  const found = await call("GET", `/api/v1/nodes/${nodeName}`);
  if (found.status === 404) {
    await call("POST", "/api/v1/nodes", simulatedNode());
    return `the node ${nodeName} does not exist`;
  }
  if (found.status !== 200) return `reading the node ${nodeName} is answered with ${found.status}`;
  const node = JSON.parse(found.body) as NodeObject;
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  if (ready !== true || (node.spec?.taints ?? []).length > 0) return `the node ${nodeName} is not Ready`;
  const account = await call("GET", "/api/v1/namespaces/default/serviceaccounts/default");
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

function send(server: string, agent: Agent, method: string, path: string, body?: unknown) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(new URL(path, server), { method, agent, headers, timeout: 5_000 }, response => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", chunk => {
        text += chunk;
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.once("error", reject);
    });
    sent.once("timeout", () => sent.destroy(new Error("no answer in 5 s")));
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
