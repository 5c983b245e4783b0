import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildFlight, buildModule } from "./build.ts";

const demo = fileURLToPath(new URL("./backend/flight.ts", import.meta.url));
const sdk = fileURLToPath(new URL("./sdk/index.ts", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flight-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function source(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test("the demo is one module under 100 KiB, the same each time, with nothing of this machine in it", async () => {
  const built = await buildFlight(demo);
  expect(await buildFlight(demo)).toEqual(built);
  expect(built.sha256).toBe(createHash("sha256").update(built.code).digest("hex"));
  expect(Buffer.byteLength(built.code)).toBeLessThan(100 * 1024);
  expect(built.code).not.toMatch(/\bimport\s*[{*"']|\brequire\(/);
  expect(built.code).not.toContain(process.cwd());
  expect(built.crd.names.plural).toBe("backends");
});

test.each([
  ["syntax.ts", "export default {", "FLIGHT_BUILD_FAILED"],
  ["nothing.ts", "export const x = 1;", "FLIGHT_BUILD_FAILED"],
  ["throws.ts", "throw new Error('at once');", "FLIGHT_BUILD_FAILED"],
  [
    "schema.ts",
    `import { defineFlight } from ${JSON.stringify(sdk)};
     import * as z from ${JSON.stringify(import.meta.resolve?.("zod") ?? "zod")};
     export default defineFlight({ group: "g.example", kind: "K", render: () => [],
       spec: z.object({ when: z.object({ start: z.date() }) }) });`,
    "FLIGHT_SCHEMA_UNSUPPORTED",
  ],
])("%s is refused", async (name, text, code) => {
  await expect(buildFlight(await source(name, text))).rejects.toMatchObject({ code });
});

test("programs and converters are modules without a CRD", async () => {
  const from = `from ${JSON.stringify(sdk)}`;
  const program = `import { defineProgram } ${from}; export default defineProgram({ render: () => [] });`;
  const path = await source("program.ts", program);
  const built = await buildModule(path);
  expect(built.sha256).toBe(createHash("sha256").update(built.code).digest("hex"));
  await expect(buildFlight(path)).rejects.toMatchObject({ message: expect.stringContaining("it is a program") });
});

test("a missing file is named", async () => {
  await expect(buildFlight(join(folder, "absent.ts"))).rejects.toMatchObject({
    code: "FLIGHT_BUILD_FAILED",
    message: expect.stringContaining("absent.ts"),
  });
});
