/** How the API server reaches the webhooks: through a Service, or through a URL on loopback (embedded cluster). */
import { callerPath } from "./callerPath.ts";

export type Reach =
  | { readonly kind: "service"; readonly namespace: string; readonly name: string; readonly port: number }
  | { readonly kind: "url"; readonly url: string };

/** All that a `clientConfig` is made of, but for the path. */
export interface Endpoint {
  readonly reach: Reach;
  /** PEM, one certificate or several. */
  readonly authorities: string;
  /** Which the paths are made with (callerPath.ts). */
  readonly token: string;
}

/** `clientConfig` of webhook configurations and of a CRD's conversion. */
export type ClientConfig = { readonly caBundle: string } & (
  | { readonly url: string }
  | { readonly service: { namespace: string; name: string; path: string; port: number } }
);

/** @param inner the path as the routes know it */
export function clientConfig({ reach, authorities, token }: Endpoint, inner: string): ClientConfig {
  const caBundle = Buffer.from(authorities).toString("base64");
  const path = callerPath(inner, token);
  if (reach.kind === "url") return { url: `${reach.url.replace(/\/$/, "")}${path}`, caBundle };
  const { namespace, name, port } = reach;
  return { service: { namespace, name, path, port }, caBundle };
}

/** DNS names and IP addresses that the server's certificate must have. */
export function serverNames(reach: Reach): string[] {
  if (reach.kind === "url") return [new URL(reach.url).hostname.replace(/^\[|\]$/g, "")];
  const { namespace, name } = reach;
  return [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
}
