/** What tests of the webhooks share: how they are registered, what they refuse, and to whom. */
import { inject } from "vitest";
import { createClient, type KubeClient } from "../../../controller/kube/client.ts";
import { loadConfig } from "../../../controller/kube/config.ts";
import { serviceAccount } from "./identity.ts";
import type { World } from "./world.ts";

/** How the API server reaches the webhooks of a configuration. */
export async function clientConfigOf(world: World, configuration: string): Promise<{ url: string; caBundle: string }> {
  const { webhooks } = (await world.get(world.webhooks(configuration))) as unknown as {
    webhooks: { clientConfig: { url: string; caBundle: string } }[];
  };
  const [webhook] = webhooks;
  if (webhook === undefined) throw new Error(`${configuration} has no webhook`);
  return webhook.clientConfig;
}

/** What the API server says to whoever tried; `accepted` when nothing was refused. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "accepted",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Somebody who may only manage the file's own kinds. */
export async function jane({ namespace, group }: World): Promise<KubeClient> {
  const rules = [{ apiGroups: [group], resources: ["*"], verbs: ["*"] }];
  const { kubeconfig } = await serviceAccount(inject("kubeconfig"), { name: "jane", namespace, rules });
  return createClient(loadConfig({ kubeconfig }));
}
