/**
 * `node scripts/bundle-controller.ts <folder>`: what the controller's image holds.
 *
 * main.mjs, worker.mjs (the sandbox's) and quickjs.wasm, with nothing to install; see controller/flight/assets.ts.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** CommonJS packages inside of an ES module look for `require`. */
const banner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** @param main the entry, when it is not the controller's own */
export async function bundleController(folder: string, main = join(root, "controller", "main.ts")): Promise<void> {
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { main, worker: join(root, "controller", "flight", "worker", "main.ts") },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: banner },
    sourcemap: "inline",
    sourcesContent: false,
    tsconfigRaw: {},
    absWorkingDir: root,
    logLevel: "warning",
  });
  const quickjs = createRequire(import.meta.url).resolve("@jitl/quickjs-wasmfile-release-sync/wasm");
  await copyFile(quickjs, join(folder, "quickjs.wasm"));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node scripts/bundle-controller.ts <folder>");
    process.exitCode = 2;
  } else {
    await bundleController(folder);
  }
}
