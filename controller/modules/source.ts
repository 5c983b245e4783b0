/** One look at what a URL names now: its content, or that it has not changed. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { CodedError } from "../../lib/errors.ts";
import { pullModule } from "./artifact.ts";
import type { DockerConfig } from "./dockerConfig.ts";
import { moduleErrors } from "./errors.ts";
import type { HttpClient } from "./http.ts";
import { openRegistry } from "./registry.ts";
import { maxModuleBytes, maxModuleMib } from "./unpack.ts";
import { type ModuleUrl, type OciUrl, shownUrl } from "./url.ts";

/** What to ask with whether something changed: an ETag, a digest, a file's time. Means something to its scheme only. */
export type Validator = Readonly<Record<string, string>>;

export type Look =
  | { readonly state: "unchanged" }
  /** `content` may be packed. */
  | { readonly state: "content"; readonly content: Uint8Array; readonly validator: Validator };

export interface LookOptions {
  /** As written. */
  readonly written: string;
  /** Of the content that is known. */
  readonly validator: Validator | undefined;
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

export type RemoteUrl = Exclude<ModuleUrl, { readonly scheme: "configmap" }>;
export type LookAt = (url: RemoteUrl, options: LookOptions) => Promise<Look>;

export interface SourceOptions {
  readonly http: HttpClient;
  /** Read for each pull, so that a changed login counts at once. */
  dockerConfig(): Promise<DockerConfig>;
}

/** @throws the MODULE_… errors but those of verification */
export function createLook(options: SourceOptions): LookAt {
  return (url, look) => {
    switch (url.scheme) {
      case "file":
        return lookAtFile(url.path, look);
      case "http":
      case "https":
        return lookAtHttp(url.url, options.http, look);
      case "oci":
        return lookAtRegistry(url, options, look);
    }
  };
}

async function lookAtFile(path: string, { written, validator }: LookOptions): Promise<Look> {
  const url = shownUrl(written);
  // Opening a pipe would wait for who writes into it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw moduleErrors.MODULE_MISSING({ url, why: `the controller cannot read it (${cause.code})` }, cause);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw moduleErrors.MODULE_MISSING({ url, why: "it is no file" });
    const { size, mtimeMs, ino } = stat;
    const own = { size: String(size), modified: String(mtimeMs), inode: String(ino) };
    if (validator !== undefined && isSame(own, validator)) return { state: "unchanged" };
    // Some files of the system have more in them than their size says.
    const chunks = await file.createReadStream({ end: maxModuleBytes, autoClose: false }).toArray();
    const content = Buffer.concat(chunks as Buffer[]);
    if (content.length > maxModuleBytes) throw moduleErrors.MODULE_TOO_LARGE({ url, limitMib: maxModuleMib });
    return { state: "content", content, validator: own };
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw moduleErrors.MODULE_MISSING({ url, why: `the controller cannot read it (${code})` }, cause);
  } finally {
    await file.close();
  }
}

function isSame(a: Validator, b: Validator): boolean {
  return Object.entries(a).every(([name, value]) => b[name] === value);
}

async function lookAtHttp(url: URL, http: HttpClient, look: LookOptions): Promise<Look> {
  const { etag, modified } = look.validator ?? {};
  const headers = {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(modified === undefined ? {} : { "if-modified-since": modified }),
  };
  const shown = shownUrl(look.written);
  const answer = await http.get(url, { shown, headers, limit: maxModuleBytes, signal: look.signal });
  if (answer.status === 304 && look.validator !== undefined) return { state: "unchanged" };
  const why = `the server answers ${answer.status}`;
  if (answer.status === 404 || answer.status === 410) throw moduleErrors.MODULE_MISSING({ url: shown, why });
  if (answer.status === 401 || answer.status === 403) throw moduleErrors.MODULE_LOGIN({ url: shown, why });
  if (answer.status !== 200) throw moduleErrors.MODULE_UNREACHABLE({ url: shown, why });
  const encoding = answer.header("content-encoding") ?? "identity";
  if (!["identity", "gzip", "x-gzip", ""].includes(encoding.toLowerCase())) {
    throw moduleErrors.MODULE_UNPACK({ url: shown, why: `it is sent with Content-Encoding ${encoding}` });
  }
  const [newEtag, newModified] = [answer.header("etag"), answer.header("last-modified")];
  const validator = {
    ...(newEtag === undefined ? {} : { etag: newEtag }),
    ...(newModified === undefined ? {} : { modified: newModified }),
  };
  return { state: "content", content: answer.body, validator };
}

async function lookAtRegistry(url: OciUrl, { http, dockerConfig }: SourceOptions, look: LookOptions): Promise<Look> {
  const { insecure, signal } = look;
  const shown = shownUrl(look.written);
  const registry = openRegistry(url, { http, docker: await dockerConfig(), shown, insecure, signal });
  const known = look.validator?.["digest"];
  if (known !== undefined && (await registry.head()) === known) return { state: "unchanged" };
  const { content, digest } = await pullModule(registry, url, shown);
  return { state: "content", content, validator: { digest } };
}
