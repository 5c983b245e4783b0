/** An OCI registry over plain HTTP, as a process of its own that keeps everything in memory, and how modules get into it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { freePort } from "../../../local/ports.ts";
import { findTool } from "../../../local/tool-path.ts";
import { eventually } from "./eventually.ts";

export interface OciRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

export async function startRegistry(): Promise<OciRegistry> {
  const host = `127.0.0.1:${await freePort(new Set())}`;
  const folder = mkdtempSync(join(tmpdir(), "registry-"));
  const config = join(folder, "config.json");
  const settings = { version: 0.1, log: { level: "warn" }, storage: { inmemory: {} }, http: { addr: host } };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn(findTool("registry"), ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const said = text(child.stderr);
  const exit = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  await eventually("the registry answers", async () => {
    if (child.exitCode !== null) throw new Error(await said);
    await fetch(`http://${host}/v2/`);
  });
  return {
    host,
    async stop() {
      process.off("exit", kill);
      kill();
      await exit;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Pushes a module as yoke does. `name` is `<repository>:<tag>`. */
export async function pushModule(host: string, name: string, module: Uint8Array): Promise<string> {
  const [repository = "", tag = "latest"] = name.split(":");
  const base = `http://${host}/v2/${repository}`;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: "application/vnd.yoke.config.v1+json", ...(await pushBlob(base, Buffer.from("{}"))) },
      layers: [{ mediaType: "application/vnd.yoke.wasm.gzip", ...(await pushBlob(base, gzipSync(module))) }],
    }),
  );
  await put(`${base}/manifests/${tag}`, manifest, manifestType);
  return `oci://${host}/${name}`;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

async function pushBlob(base: string, content: Buffer): Promise<{ digest: string; size: number }> {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", base);
  location.searchParams.set("digest", digest);
  await put(location.href, content, "application/octet-stream");
  return { digest, size: content.length };
}

async function put(url: string, content: Buffer, type: string): Promise<void> {
  const answer = await fetch(url, { method: "PUT", body: new Uint8Array(content), headers: { "content-type": type } });
  if (answer.status !== 201) throw new Error(`PUT ${url}: HTTP ${answer.status} ${await answer.text()}`);
}
