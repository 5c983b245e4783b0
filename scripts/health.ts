/** What the controller says of itself, for `npm run status`. */

import { configurationSelector } from "../controller/admission/configurations.ts";
import type { KubeClient } from "../controller/kube/client.ts";
import type { ObjectRef } from "../controller/kube/object.ts";
import { webhookConfigurationType } from "../controller/kube/resourceTypes.ts";

const answerWithinMs = 2_000;

/** Of a controller beside the cluster: the checks of its /readyz, one line each. */
export async function healthAt(readyUrl: string): Promise<string> {
  try {
    const answer = await fetch(readyUrl, { signal: AbortSignal.timeout(answerWithinMs) });
    return readableChecks(await answer.text());
  } catch {
    return "no answer";
  }
}

/** `[+]leader ok: this replica leads` becomes a row; the verdict at the end goes, as the rows say it. */
export function readableChecks(report: string): string {
  const rows = [...report.matchAll(/^\[[+-]\](\S+) (ok|failed)(?:: (.*))?$/gm)];
  return rows.map(([, name = "", state, more = ""]) => `${name.padEnd(10)} ${state}  ${more}`.trimEnd()).join("\n");
}

const ours = (apiVersion: string, kind: string): ObjectRef => ({ apiVersion, kind, namespace: "atc", name: "atc" });

/** Of replicas in the cluster: what the API server knows of them. */
export async function healthIn(client: Pick<KubeClient, "get" | "list">): Promise<string> {
  const deployment = await client.get(ours("apps/v1", "Deployment"));
  const lease = await client.get(ours("coordination.k8s.io/v1", "Lease"));
  const { items } = await client.list(webhookConfigurationType, {
    labelSelector: configurationSelector,
  });
  const { replicas = 0 } = (deployment?.["spec"] ?? {}) as { replicas?: number };
  const { readyReplicas = 0 } = (deployment?.["status"] ?? {}) as { readyReplicas?: number };
  const { holderIdentity } = (lease?.["spec"] ?? {}) as { holderIdentity?: string };
  return [
    `replicas   ${readyReplicas} of ${replicas} ready`,
    `leader     ${holderIdentity?.replace(/_[^_]*$/, "") || "nobody"}`,
    `webhooks   ${items.map(({ metadata }) => metadata.name).join(", ") || "none are registered"}`,
  ].join("\n");
}
