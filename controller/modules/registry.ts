/**
 * Reads from an OCI registry: manifests and blobs, each checked against its digest.
 * Sources: OCI distribution specification; Docker's token authentication for registries; RFC 9110, section 11.
 */
import { createHash } from "node:crypto";
import { jsonOf, recordOf } from "../../lib/json.ts";
import type { DockerConfig, RegistryLogin } from "./dockerConfig.ts";
import { moduleErrors } from "./errors.ts";
import { type HttpAnswer, type HttpClient, type HttpGet, isLoopback } from "./http.ts";
import type { OciUrl } from "./url.ts";

export interface Registry {
  /** Digest of the manifest that the URL names now; undefined when the registry does not say. */
  head(): Promise<string | undefined>;
  manifest(reference: string): Promise<{ digest: string; manifest: unknown }>;
  blob(digest: string, limit: number): Promise<Buffer>;
}

export interface RegistryAccess {
  readonly http: HttpClient;
  readonly docker: DockerConfig;
  /** Of the module, for errors. */
  readonly shown: string;
  /** Plain HTTP, or TLS with any certificate, will do. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

const maxManifestBytes = 4 * 1024 * 1024;

type Ask = (path: string, how: Pick<HttpGet, "method" | "headers" | "limit">) => Promise<HttpAnswer>;

/** All of its methods throw MODULE_UNREACHABLE, MODULE_MISSING, MODULE_LOGIN, MODULE_ARTIFACT, MODULE_TOO_LARGE. */
export function openRegistry(url: OciUrl, access: RegistryAccess): Registry {
  const ask = asker(url, access);
  const name = url.digest ?? url.tag;
  const headers = { accept: manifestTypes };
  return {
    async head() {
      const answer = await ask(`manifests/${name}`, { method: "HEAD", headers, limit: maxManifestBytes });
      return answer.header("docker-content-digest");
    },
    async manifest(reference) {
      const answer = await ask(`manifests/${reference}`, { headers, limit: maxManifestBytes });
      const digest = sha256(answer.body);
      const said = reference.startsWith("sha256:") ? reference : (answer.header("docker-content-digest") ?? digest);
      if (said !== digest) throw artifactError(access, `its manifest has digest ${digest} instead of ${said}`);
      return { digest, manifest: parseJson(answer.body, access) };
    },
    async blob(digest, limit) {
      if (!isDigest(digest)) throw artifactError(access, "its layer has no sha256 digest");
      const { body } = await ask(`blobs/${digest}`, { headers: { "accept-encoding": "identity" }, limit });
      if (sha256(body) !== digest) throw artifactError(access, `its layer is not what ${digest} names`);
      return body;
    },
  };
}

export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function parseJson(body: Buffer, access: RegistryAccess): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw artifactError(access, "its manifest is not JSON");
  }
}

function artifactError({ shown }: RegistryAccess, why: string): Error {
  return moduleErrors.MODULE_ARTIFACT({ url: shown, why });
}

/** One pull: finds out once whether the registry speaks TLS, and logs in once. */
function asker(url: OciUrl, access: RegistryAccess): Ask {
  const { http, docker, shown, insecure, signal } = access;
  const host = url.host === "index.docker.io" ? "registry-1.docker.io" : url.host;
  const login = docker.loginFor(url.host, url.repository);
  let base: URL | undefined;
  let authorization = login?.registryToken && `Bearer ${login.registryToken}`;

  const send: Ask = async (path, how) => {
    const headers = { ...how.headers, ...(authorization ? { authorization } : {}) };
    const at = (scheme: string) => new URL(`${scheme}://${host}/v2/${url.repository}/${path}`);
    const get = (target: URL) => http.get(target, { shown, insecure, signal, ...how, headers });
    if (base !== undefined) return get(new URL(`/v2/${url.repository}/${path}`, base));
    try {
      const answer = await get(at("https"));
      base = at("https");
      return answer;
    } catch (error) {
      if (!insecure && !isLoopback(at("https").hostname)) throw error;
      const answer = await get(at("http")).catch(() => Promise.reject(error));
      base = at("http");
      return answer;
    }
  };
  return async (path, how) => {
    let answer = await send(path, how);
    // What storage says that a registry has led to is not what the registry wants to have.
    if (answer.status === 401 && answer.origin === base?.origin) {
      authorization = await logIn(answer, { url, access, login, plain: base?.protocol === "http:" });
      answer = await send(path, how);
    }
    checkStatus(answer, url, access);
    return answer;
  };
}

function checkStatus({ status }: HttpAnswer, url: OciUrl, { shown, docker }: RegistryAccess): void {
  if (status < 400) return;
  if (status === 401 || status === 403) {
    throw moduleErrors.MODULE_LOGIN({ url: shown, why: `${status}, ${aboutLogin(url, docker)}` });
  }
  if (status === 404) throw moduleErrors.MODULE_MISSING({ url: shown, why: "the registry does not have it" });
  throw moduleErrors.MODULE_UNREACHABLE({ url: shown, why: `the registry answers ${status}` });
}

function aboutLogin({ host, repository }: OciUrl, docker: DockerConfig): string {
  if (docker.loginFor(host, repository) !== undefined) return `and does not take the one for ${host}`;
  const helper = docker.helperFor(host);
  if (helper === undefined) return `and there is none for ${host}`;
  return `and the one for ${host} is with the credential helper "${helper}", which is not run here`;
}

interface Login {
  readonly url: OciUrl;
  readonly access: RegistryAccess;
  readonly login: RegistryLogin | undefined;
  /** The registry was reached without TLS. */
  readonly plain: boolean;
}

/** The Authorization header that the challenge asks for. */
async function logIn(answer: HttpAnswer, { url, access, login, plain }: Login): Promise<string> {
  const refused = () => moduleErrors.MODULE_LOGIN({ url: access.shown, why: aboutLogin(url, access.docker) });
  const challenge = answer.header("www-authenticate") ?? "";
  if (/^basic\b/i.test(challenge)) {
    if (login?.basic === undefined) throw refused();
    return login.basic;
  }
  const { realm = "", service = "", scope = `repository:${url.repository}:pull` } = parameters(challenge);
  const tokenService = URL.parse(realm);
  if (!/^bearer\b/i.test(challenge) || tokenService === null) throw refused();
  // A registry behind TLS does not send logins elsewhere in plain text.
  if (tokenService.protocol !== "https:" && !plain) throw refused();
  return `Bearer ${await fetchToken(tokenService, { service, scope }, access, login, refused)}`;
}

function parameters(challenge: string): Record<string, string> {
  return Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

const maxTokenBytes = 1024 * 1024;

async function fetchToken(
  realm: URL,
  asked: { service: string; scope: string },
  { http, shown, insecure, signal }: RegistryAccess,
  login: RegistryLogin | undefined,
  refused: () => Error,
): Promise<string> {
  const common = { shown, insecure, signal, limit: maxTokenBytes };
  let answer: HttpAnswer;
  if (login?.identityToken) {
    const grant = { grant_type: "refresh_token", refresh_token: login.identityToken, client_id: "atc", ...asked };
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams(grant).toString();
    answer = await http.get(realm, { ...common, method: "POST", headers, body });
  } else {
    for (const [name, value] of Object.entries(asked)) if (value !== "") realm.searchParams.set(name, value);
    const headers = login?.basic === undefined ? {} : { authorization: login.basic };
    answer = await http.get(realm, { ...common, headers });
  }
  if (answer.status >= 500) {
    throw moduleErrors.MODULE_UNREACHABLE({ url: shown, why: `the token service answers ${answer.status}` });
  }
  const token = answer.status === 200 ? tokenIn(answer.body) : undefined;
  if (token === undefined) throw refused();
  return token;
}

function tokenIn(body: Buffer): string | undefined {
  const { token, access_token: accessToken } = recordOf(jsonOf(body.toString()));
  return [token, accessToken].find(candidate => typeof candidate === "string" && candidate !== "") as
    | string
    | undefined;
}
