import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { bundleController } from "./bundle-controller.ts";

const sandbox = fileURLToPath(new URL("../controller/flight/sandbox.ts", import.meta.url));
const loader = fileURLToPath(new URL("../controller/flight/loader.ts", import.meta.url));

/** A program that renders one flight. */
const program = `
  import { createSandbox } from ${JSON.stringify(sandbox)};
  import { flightModuleOf } from ${JSON.stringify(loader)};
  const sandbox = createSandbox();
  const code = "export default call => call.lookup({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n', name: 'x' }).object";
  const { stdout } = await sandbox.run({
    module: flightModuleOf(Buffer.from(code)), stdin: "", args: [], env: {}, timeoutMs: 10_000, maxMemoryMib: 0,
    lookup: async () => ({ state: "ok", object: "rendered" }),
  });
  console.log(stdout);
  await sandbox.close();`;

test("the bundle runs flights from its own files, away from the sources", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  try {
    const entry = join(folder, "entry.ts");
    const out = join(folder, "out");
    await writeFile(entry, program);
    await bundleController(out, entry);
    expect((await readdir(out)).sort()).toEqual(["main.mjs", "quickjs.wasm", "worker.mjs"]);
    const { stdout } = await promisify(execFile)(process.execPath, [join(out, "main.mjs")], { cwd: out });
    expect(stdout).toBe("rendered\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});
