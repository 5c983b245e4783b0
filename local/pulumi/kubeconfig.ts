/** Which API server a provider talks to, and as whom: the kubeconfig rules of kubectl, for text or path. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { errors } from "./errors.ts";
import { isObject, type Properties, UNKNOWN, type Value } from "./wire.ts";

export interface ClusterAccess {
  readonly server: string;
  readonly namespace: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: {
    readonly ca?: string | Buffer;
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
}

/** The settings of a provider that choose the cluster. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
}

interface Selected {
  readonly cluster: Properties;
  readonly user: Properties;
  readonly namespace: string;
  /** Relative paths in the kubeconfig start here. */
  readonly folder: string;
}

const text = (value: Value | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** A kubeconfig has lines or is a flow mapping; a path is one line of neither. */
const isContent = (kubeconfig: string): boolean => kubeconfig.includes("\n") || kubeconfig.trimStart().startsWith("{");

function load(kubeconfig: string | undefined): { document: Properties; folder: string } {
  const given = kubeconfig || process.env.KUBECONFIG?.split(delimiter)[0] || join(homedir(), ".kube", "config");
  const path = given.startsWith("~/") ? join(homedir(), given.slice(2)) : given;
  try {
    const document: unknown = parse(isContent(given) ? given : readFileSync(path, "utf8"));
    if (isObject(document)) return { document, folder: isContent(given) ? process.cwd() : dirname(path) };
  } catch (error) {
    throw errors.KUBECONFIG_UNREADABLE({ source: isContent(given) ? "the given text" : path }, error);
  }
  throw errors.KUBECONFIG_UNREADABLE({ source: isContent(given) ? "the given text" : path });
}

function entry(document: Properties, list: string, name: string | undefined, key: string): Properties | undefined {
  const items = document[list];
  const found = Array.isArray(items) ? items.find(item => isObject(item) && item.name === name) : undefined;
  const value = isObject(found) ? found[key] : undefined;
  return isObject(value) ? value : undefined;
}

function select(choice: ClusterChoice): Selected {
  const { document, folder } = load(choice.kubeconfig);
  const name = choice.context ?? text(document["current-context"]);
  const context = entry(document, "contexts", name, "context") ?? {};
  const cluster = entry(document, "clusters", choice.cluster ?? text(context.cluster), "cluster");
  if (cluster === undefined) throw errors.KUBECONFIG_NO_CLUSTER({ context: name ?? "none" });
  const user = entry(document, "users", text(context.user), "user") ?? {};
  return { cluster, user, namespace: text(context.namespace) ?? "default", folder };
}

/** Data of an entry `NAME` or `NAME-data`. */
function material(from: Properties, name: string, folder: string): Buffer | undefined {
  const data = text(from[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, "base64");
  const path = text(from[name]);
  return path === undefined ? undefined : readFileSync(resolve(folder, path));
}

function authorization(user: Properties, folder: string): Record<string, string> {
  if (user.exec !== undefined || user["auth-provider"] !== undefined) throw errors.KUBECONFIG_LOGIN_UNSUPPORTED({});
  const file = text(user.tokenFile);
  const token =
    text(user.token) ?? (file === undefined ? undefined : readFileSync(resolve(folder, file), "utf8").trim());
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (user.username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}` };
}

export function clusterAccess(choice: ClusterChoice): ClusterAccess {
  const { cluster, user, namespace, folder } = select(choice);
  const ca = material(cluster, "certificate-authority", folder);
  const cert = material(user, "client-certificate", folder);
  const key = material(user, "client-key", folder);
  const servername = text(cluster["tls-server-name"]);
  return {
    server: text(cluster.server) ?? "",
    namespace,
    headers: authorization(user, folder),
    tls: {
      rejectUnauthorized: cluster["insecure-skip-tls-verify"] !== true,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
    },
  };
}

/**
 * Settings whose change means another cluster, so that the provider and all that it made are replaced.
 *
 * An identifier that is set before and after decides alone. Else an unknown kubeconfig, or another server or CA in the
 * active entry, does (as the official provider does it).
 */
export function clusterChanges(olds: Properties, news: Properties): string[] {
  if (olds.clusterIdentifier !== undefined && news.clusterIdentifier !== undefined) {
    return olds.clusterIdentifier === news.clusterIdentifier ? [] : ["clusterIdentifier"];
  }
  const changed = ["kubeconfig", "context", "cluster"].filter(name => olds[name] !== news[name]);
  if (changed.some(name => news[name] === UNKNOWN)) return changed;
  return changed.length > 0 && activeCluster(olds) !== activeCluster(news) ? changed : [];
}

function activeCluster(settings: Properties): string {
  try {
    const { cluster, folder } = select({
      kubeconfig: text(settings.kubeconfig),
      context: text(settings.context),
      cluster: text(settings.cluster),
    });
    return JSON.stringify([cluster.server, material(cluster, "certificate-authority", folder)?.toString("base64")]);
  } catch {
    // What cannot be read cannot be told to be the same.
    return JSON.stringify(settings.kubeconfig ?? null);
  }
}
