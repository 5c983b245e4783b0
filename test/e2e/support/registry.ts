/** An OCI registry as a process, and the few requests with which a module is pushed into it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";
import { configType } from "../../../controller/modules/artifact.ts";

const binary = resolve(import.meta.dirname, "../../../.tools/bin/registry");

export const login = { user: "ali", password: "open sesame" };
/** Of that password, by bcrypt. */
const htpasswd = `${login.user}:$2a$04$sgcqH4uXx0qykoBZYNmZ7..0YsVVBXl/Njk8v.ZwA6QcyqbD66mES\n`;
export const basicLogin = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;

export interface RegistryOptions {
  /** Takes `login`. */
  readonly htpasswd?: boolean;
  /** Of the registry's configuration; `jwks` is written to a file. */
  readonly token?: {
    readonly realm: string;
    readonly issuer: string;
    readonly service: string;
    readonly jwks: unknown;
  };
  readonly tls?: { readonly certificate: string; readonly key: string };
}

export interface Registry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts one with nothing in it. */
export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), "e2e-registry-"));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const { token, tls } = options;
  const http = {
    addr: "127.0.0.1:0",
    // It warns when there is none; replicas would share it.
    secret: "e2e",
    ...(tls && { tls: { certificate: file("tls.crt", tls.certificate), key: file("tls.key", tls.key) } }),
  };
  const auth = {
    ...(options.htpasswd && { htpasswd: { realm: "e2e", path: file("htpasswd", htpasswd) } }),
    ...(token && { token: { ...token, jwks: file("jwks.json", JSON.stringify(token.jwks)) } }),
  };
  // JSON is YAML.
  const storage = { inmemory: {}, delete: { enabled: true } };
  const config = file("config.yml", JSON.stringify({ version: 0.1, log: { level: "info" }, storage, http, auth }));
  const env = { OTEL_TRACES_EXPORTER: "none" };
  const child = spawn(binary, ["serve", config], { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const host = await listening(child.stderr, ended);
  return {
    host,
    async stop() {
      kill();
      await ended;
      process.off("exit", kill);
      rmSync(folder, { recursive: true });
    },
  };
}

async function listening(log: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<string> {
  const address = Promise.withResolvers<string>();
  const lines: string[] = [];
  createInterface({ input: log }).on("line", line => {
    lines.push(line);
    const found = /listening on ([\d.]+:\d+)/.exec(line)?.[1];
    if (found !== undefined) address.resolve(found);
  });
  void ended.then(() => address.reject(new Error(`the registry ended:\n${lines.join("\n")}`)));
  return address.promise;
}

export interface Push {
  /** `http://127.0.0.1:<port>` */
  readonly server: string;
  readonly repository: string;
  readonly authorization?: string;
}

export interface ModulePush extends Push {
  readonly tag: string;
  readonly source: string | Uint8Array;
  readonly layerType?: string;
  readonly configType?: string;
}

/** Pushes a module as yoke's command line does; returns the digest of its manifest. */
export async function pushModule(push: ModulePush): Promise<string> {
  const layerType = push.layerType ?? "application/vnd.dynamic-mode.javascript.gzip";
  return pushManifest(push, push.tag, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: await pushBlob(push, push.configType ?? configType, Buffer.from("{}")),
    layers: [await pushBlob(push, layerType, gzipSync(push.source))],
  });
}

/** An index whose entries are there already. */
export function pushIndex(push: Push, tag: string, digests: readonly string[]): Promise<string> {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifests = digests.map(digest => ({ mediaType, digest, size: 500 }));
  return pushManifest(push, tag, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests,
  });
}

interface Manifest {
  readonly mediaType: string;
  readonly [field: string]: unknown;
}

async function pushManifest(push: Push, tag: string, manifest: Manifest): Promise<string> {
  const headers = { "content-type": manifest.mediaType };
  const answer = await ask(push, "PUT", `manifests/${tag}`, headers, JSON.stringify(manifest));
  return answer.headers.get("docker-content-digest") ?? "";
}

async function pushBlob(push: Push, mediaType: string, content: Buffer) {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const begun = await ask(push, "POST", "blobs/uploads/");
  const target = new URL(begun.headers.get("location") ?? "", push.server);
  target.searchParams.set("digest", digest);
  await ask(push, "PUT", target.href, { "content-type": "application/octet-stream" }, new Uint8Array(content));
  return { mediaType, digest, size: content.length };
}

async function ask(
  { server, repository, authorization }: Push,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const url = new URL(path, `${server}/v2/${repository}/`);
  const answer = await fetch(url, {
    method,
    headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
    ...(body === undefined ? {} : { body }),
  });
  if (!answer.ok) throw new Error(`${method} ${url.pathname}: ${answer.status} ${await answer.text()}`);
  return answer;
}
