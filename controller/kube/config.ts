/**
 * Where the API server is and how to log in: from a kubeconfig, or from the service account of the pod.
 * Source: kubeconfig v1 (client-go `clientcmd/api/v1`), "Accessing the API from a Pod".
 */
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { isRecord, recordOf, recordsOf } from "../../lib/json.ts";
import { kubeErrors } from "./errors.ts";

export interface ClusterConfig {
  /** Address of the API server, for example `https://127.0.0.1:6443`. */
  server: string;
  /** PEM; without it, the certificate authorities that Node trusts. */
  ca?: string;
  /** PEM of the client certificate and its key. */
  cert?: string;
  key?: string;
  /** The current bearer token. */
  token?: () => Promise<string> | string;
  /** Name to expect in the server's certificate when it is not the host of `server`. */
  serverName?: string;
  /** The context's namespace, else `default`. */
  namespace: string;
  /** The kubeconfig's name for the user. */
  user?: string;
  /** This process is a pod of the cluster. */
  inCluster?: boolean;
}

export interface ConfigOptions {
  /** Path of a kubeconfig. Without it `KUBECONFIG`, then the pod's service account. */
  kubeconfig?: string;
  /** Context to use instead of the kubeconfig's current one. */
  context?: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds its service account. */
  serviceAccountDirectory?: string;
}

/** @throws KUBE_CONFIG_NONE, KUBE_CONFIG_UNREADABLE, KUBE_CONFIG_INVALID, KUBE_CONFIG_UNSUPPORTED */
export function loadConfig(options: ConfigOptions = {}): ClusterConfig {
  const { env = process.env, serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount" } = options;
  const paths = options.kubeconfig ?? env["KUBECONFIG"] ?? "";
  if (paths !== "") return fromKubeconfig(paths.split(delimiter).filter(Boolean), options.context);
  if (env["KUBERNETES_SERVICE_HOST"] !== undefined) return fromServiceAccount(env, serviceAccountDirectory);
  throw kubeErrors.KUBE_CONFIG_NONE({});
}

function fromServiceAccount(env: Readonly<Record<string, string | undefined>>, directory: string): ClusterConfig {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "443";
  const tokenPath = resolve(directory, "token");
  readText(tokenPath);
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: readText(resolve(directory, "ca.crt")),
    token: rotatingToken(tokenPath),
    namespace: readText(resolve(directory, "namespace")).trim(),
    inCluster: true,
  };
}

/** A token's file is replaced long before the old token ends, so a look every ten seconds is enough. */
function rotatingToken(path: string): () => string {
  const rereadAfterMs = 10_000;
  let token = "";
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - readAt > rereadAfterMs) {
      token = readText(path).trim();
      readAt = performance.now();
    }
    return token;
  };
}

type Fields = Record<string, unknown>;

/** An entry of one of the three lists, with the file it comes from: relative paths are relative to that file. */
interface Entry {
  path: string;
  field: string;
  fields: Fields;
}

function fromKubeconfig(paths: readonly string[], wantedContext: string | undefined): ClusterConfig {
  const files = paths.map(path => ({ path, content: readKubeconfig(path) }));
  const first = paths[0] ?? "";
  const current = files
    .map(file => file.content["current-context"])
    .find(name => typeof name === "string" && name !== "");
  const contextName = wantedContext ?? current;
  if (typeof contextName !== "string") {
    throw kubeErrors.KUBE_CONFIG_INVALID({ path: first, field: "current-context", problem: "is not set" });
  }
  const find = (list: string, key: string, name: string): Entry => {
    for (const { path, content } of files) {
      const entry = recordsOf(content[list]).find(candidate => candidate["name"] === name);
      if (entry !== undefined) {
        return { path, field: `${list}[${name}].${key}`, fields: recordOf(entry[key]) };
      }
    }
    const known = files.flatMap(file => recordsOf(file.content[list]));
    const names = known.map(entry => String(entry["name"])).join(", ") || "none";
    throw kubeErrors.KUBE_CONFIG_INVALID({
      path: first,
      field: list,
      problem: `has no "${name}" (there is: ${names})`,
    });
  };
  const context = find("contexts", "context", contextName);
  const cluster = find("clusters", "cluster", requiredText(context, "cluster"));
  const userName = optionalText(context, "user");
  const user = userName === undefined ? undefined : find("users", "user", userName);
  return {
    ...readCluster(cluster),
    ...(user === undefined ? {} : readUser(user)),
    namespace: optionalText(context, "namespace") ?? "default",
    ...(userName === undefined ? {} : { user: userName }),
  };
}

function readKubeconfig(path: string): Fields {
  const text = readText(path);
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    // The YAML error quotes the line, which may be a key or a token.
    const line = error instanceof Error && "linePos" in error ? JSON.stringify(error.linePos) : "unknown place";
    throw kubeErrors.KUBE_CONFIG_UNREADABLE({ path, reason: `no valid YAML at ${line}` });
  }
  if (!isRecord(content)) throw kubeErrors.KUBE_CONFIG_UNREADABLE({ path, reason: "it holds no kubeconfig" });
  return content;
}

function readCluster(cluster: Entry): Pick<ClusterConfig, "server" | "ca" | "serverName"> {
  const { path, field } = cluster;
  if (cluster.fields["insecure-skip-tls-verify"] === true) {
    const problem = "insecure-skip-tls-verify is refused; name certificate-authority instead";
    throw kubeErrors.KUBE_CONFIG_UNSUPPORTED({ path, field, problem });
  }
  if (optionalText(cluster, "proxy-url") !== undefined) {
    throw kubeErrors.KUBE_CONFIG_UNSUPPORTED({ path, field, problem: "proxy-url is not supported" });
  }
  const server = requiredText(cluster, "server");
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    throw kubeErrors.KUBE_CONFIG_INVALID({
      path,
      field: `${field}.server`,
      problem: `"${server}" is no http(s) address`,
    });
  }
  const ca = material(cluster, "certificate-authority");
  const serverName = optionalText(cluster, "tls-server-name");
  return { server, ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { serverName }) };
}

const unsupportedLogins = ["exec", "auth-provider", "username", "password"];

function readUser(user: Entry): Pick<ClusterConfig, "cert" | "key" | "token"> {
  const cert = material(user, "client-certificate");
  const key = material(user, "client-key");
  const tokenFile = optionalText(user, "tokenFile");
  const token = optionalText(user, "token");
  const { path, field } = user;
  if ((cert === undefined) !== (key === undefined)) {
    const problem = "client-certificate and client-key belong together; one is missing";
    throw kubeErrors.KUBE_CONFIG_INVALID({ path, field, problem });
  }
  const known = cert !== undefined || tokenFile !== undefined || token !== undefined;
  const unsupported = unsupportedLogins.find(name => user.fields[name] !== undefined);
  if (!known && unsupported !== undefined) {
    throw kubeErrors.KUBE_CONFIG_UNSUPPORTED({ path, field, problem: `login by ${unsupported} is not supported` });
  }
  return {
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    // Like client-go: the file wins over the inline token.
    ...(tokenFile !== undefined
      ? { token: rotatingToken(resolve(dirname(path), tokenFile)) }
      : token !== undefined
        ? { token: () => token }
        : {}),
  };
}

/** PEM given inline as `<name>-data` in base64, or as a path. */
function material(entry: Entry, name: string): string | undefined {
  const data = optionalText(entry, `${name}-data`);
  const pem = data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
  if (pem !== undefined && !pem.includes("-----BEGIN ")) {
    const field = `${entry.field}.${name}-data`;
    throw kubeErrors.KUBE_CONFIG_INVALID({ path: entry.path, field, problem: "is no PEM in base64" });
  }
  const path = optionalText(entry, name);
  return pem ?? (path === undefined ? undefined : readText(resolve(dirname(entry.path), path)));
}

function requiredText(entry: Entry, name: string): string {
  const value = optionalText(entry, name);
  if (value !== undefined) return value;
  throw kubeErrors.KUBE_CONFIG_INVALID({ path: entry.path, field: `${entry.field}.${name}`, problem: "is not set" });
}

function optionalText(entry: Entry, name: string): string | undefined {
  const value = entry.fields[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function readText(path: string): string {
  if (!existsSync(path)) throw kubeErrors.KUBE_CONFIG_UNREADABLE({ path, reason: "it does not exist" });
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw kubeErrors.KUBE_CONFIG_UNREADABLE({ path, reason }, error);
  }
}
