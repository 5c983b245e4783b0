/** Where the sandbox's own files are: beside this source, or beside the bundle that `scripts/bundle-controller.ts` makes. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const bundled = !import.meta.url.endsWith(".ts");

export function workerUrl(): URL {
  return new URL(bundled ? "./worker.mjs" : "./worker/main.ts", import.meta.url);
}

let quickjs: Promise<WebAssembly.Module> | undefined;

/** QuickJS, compiled once for all workers of this process. */
export function quickjsModule(): Promise<WebAssembly.Module> {
  quickjs ??= readFile(quickjsPath()).then(bytes => WebAssembly.compile(bytes));
  return quickjs;
}

function quickjsPath(): URL | string {
  if (bundled) return new URL("./quickjs.wasm", import.meta.url);
  return createRequire(import.meta.url).resolve("@jitl/quickjs-wasmfile-release-sync/wasm");
}
