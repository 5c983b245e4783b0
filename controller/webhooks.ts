/** Puts the webhooks together from the configuration. */
import type { Reach } from "./admission/reach.ts";
import type { Config } from "./config.ts";
import { errors } from "./errors.ts";
import type { ClusterConfig } from "./kube/config.ts";
import { type WebhookOptions, WebhookService } from "./reconcile/webhooks.ts";

/**
 * undefined: the API server has no way to this controller.
 *
 * @throws CONFIG_TLS_INCOMPLETE
 */
export function openWebhooks(
  config: Config,
  cluster: ClusterConfig,
  options: Pick<WebhookOptions, "client" | "reviewer" | "sandbox" | "log" | "onCall">,
): WebhookService | undefined {
  const namespace = config.svcNamespace ?? cluster.namespace;
  const reach = reachOf(config, namespace);
  if (reach === undefined) return undefined;
  const { port } = config;
  return new WebhookService({ ...options, reach, namespace, host: hostOf(reach), port, files: filesOf(config) });
}

function reachOf({ webhookUrl, service }: Config, namespace: string): Reach | undefined {
  if (webhookUrl !== undefined) return { kind: "url", url: webhookUrl };
  if (service.name === undefined) return undefined;
  return { kind: "service", namespace, name: service.name, port: service.port };
}

/** Who is called on loopback has no business on other interfaces. */
function hostOf(reach: Reach): string | undefined {
  const host = reach.kind === "url" ? new URL(reach.url).hostname.replace(/^\[|\]$/g, "") : "";
  return /^(localhost|127\..*|::1)$/.test(host) ? host : undefined;
}

function filesOf({ tls }: Config): WebhookOptions["files"] {
  const { authorities, certificate, key } = tls;
  if (authorities !== undefined && certificate !== undefined && key !== undefined) {
    return { authorities, certificate, key };
  }
  if (authorities ?? certificate ?? key) throw errors.CONFIG_TLS_INCOMPLETE({});
  return undefined;
}
