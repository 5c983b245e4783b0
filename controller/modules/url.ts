/** Module URLs: what they name, and what is said in them about the module's content. Pure. */
import { moduleErrors } from "./errors.ts";

/** `bytes` of a ConfigMap's key, read through a function of the caller. */
export interface ConfigMapUrl {
  readonly scheme: "configmap";
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export interface OciUrl {
  readonly scheme: "oci";
  /** With port; `index.docker.io` where the URL names no registry. */
  readonly host: string;
  readonly repository: string;
  /** `latest` where the URL has neither tag nor digest. */
  readonly tag: string;
  /** `sha256:<hex>`; wins over the tag. */
  readonly digest: string | undefined;
}

export type ModuleUrl =
  | { readonly scheme: "file"; readonly path: string }
  | { readonly scheme: "http" | "https"; readonly url: URL }
  | OciUrl
  | ConfigMapUrl;

/** @throws MODULE_URL_INVALID */
export function parseModuleUrl(url: string): ModuleUrl {
  const refuse = (why: string) => moduleErrors.MODULE_URL_INVALID({ url: shownUrl(url), why });
  const { scheme, rest } = split(url);
  switch (scheme) {
    case undefined:
    case "file":
      if (rest === "" || rest.includes("\0")) throw refuse("it names no file");
      return { scheme: "file", path: rest };
    case "http":
    case "https":
      if (!URL.canParse(url) || new URL(url).hostname === "") throw refuse("it names no host");
      return { scheme, url: new URL(url) };
    case "oci":
      return parseReference(rest, refuse);
    case "configmap":
      return parseConfigMap(rest, refuse);
    default:
      throw refuse(`unknown scheme "${scheme}"`);
  }
}

function split(url: string): { scheme: string | undefined; rest: string } {
  const [, scheme, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(url) ?? [];
  return { scheme: scheme?.toLowerCase(), rest };
}

type Refuse = (why: string) => Error;

const repositoryPattern = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.+-]{0,127}$/;

/** Source: the reference grammar of the distribution project; without a registry it is Docker Hub's, as for Docker. */
function parseReference(rest: string, refuse: Refuse): OciUrl {
  const [named = "", digest, ...more] = rest.split("@");
  if (more.length > 0 || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))) {
    throw refuse("what follows @ is no sha256:<hex> digest");
  }
  const [, path = "", tag] = /^(.*?)(?::([^:/]*))?$/s.exec(named) ?? [];
  const [first = "", ...others] = path.split("/");
  const hasHost = others.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const repository = hasHost ? others.join("/") : others.length > 0 ? path : `library/${path}`;
  // No more than host and port: the rest of a URL would be asked of another host than the one that logins are for.
  if (hasHost && !/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(first)) throw refuse("it names no registry");
  if (hasHost && !URL.canParse(`https://${first}`)) throw refuse("it names no registry");
  if (!repositoryPattern.test(repository)) throw refuse(`"${repository}" is no repository`);
  if (tag !== undefined && !tagPattern.test(tag)) throw refuse(`"${tag}" is no tag`);
  return { scheme: "oci", host: hasHost ? first : "index.docker.io", repository, tag: tag ?? "latest", digest };
}

function parseConfigMap(rest: string, refuse: Refuse): ConfigMapUrl {
  const parts = rest.split("/");
  const [namespace = "", name = "", key = ""] = parts;
  if (parts.length !== 3) throw refuse("it needs namespace, name and key");
  for (const [what, text] of Object.entries({ namespace, name, key })) {
    if (!/^[-._a-zA-Z0-9]+$/.test(text)) throw refuse(`"${text}" is no ${what}`);
  }
  return { scheme: "configmap", namespace, name, key };
}

/** The URL for people: without user, password and query, which may hold a signature. */
export function shownUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@(?!sha256:)/i, "$1***@").replace(/\?.+$/s, "?***");
}

/**
 * The checksum that the URL itself names: the tag `sha256_<hex>` of an OCI reference; otherwise the last path segment
 * up to its first dot, where that is or ends in `_` and `sha256_<hex>`. Undefined where there is none.
 */
export function inferredChecksum(url: string): string | undefined {
  const { scheme, rest } = split(url);
  const last =
    rest
      .replace(/[?#].*$/s, "")
      .split("/")
      .at(-1) ?? "";
  if (scheme === "oci") return /:sha256_([^@]+)/.exec(last)?.[1];
  const [stem = ""] = last.split(".");
  return /(?:^|_)sha256_(.+)$/.exec(stem)?.[1];
}

/** Whether a URL always gives the same bytes. */
export function isImmutable(url: ModuleUrl): boolean {
  return url.scheme === "oci" && url.digest !== undefined;
}

/**
 * Whether what is at this URL must not change once a release has used it: http(s), which has no word for a version, and
 * OCI tags that are semantic versions. Not files, ConfigMaps, and tags such as `latest`, which are there to be moved.
 */
export function pinnable(url: string): boolean {
  const { scheme, rest } = split(url);
  if (scheme === undefined || scheme === "file" || scheme === "configmap") return false;
  if (scheme !== "oci") return true;
  const last = rest.split("@")[0]?.split("/").at(-1) ?? "";
  return semantic.test(/:(.*)$/.exec(last)?.[1] ?? "");
}

/** As golang.org/x/mod/semver has it: `v` is optional, and so are minor and patch where nothing follows them. */
const number = "(?:0|[1-9][0-9]*)";
const identifier = "[0-9A-Za-z-]+";
const prereleaseIdentifier = `(?:${number}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const prerelease = `(?:-${prereleaseIdentifier}(?:\\.${prereleaseIdentifier})*)?`;
const build = `(?:\\+${identifier}(?:\\.${identifier})*)?`;
const semantic = new RegExp(`^v?${number}(?:\\.${number}(?:\\.${number}${prerelease}${build})?)?$`);
