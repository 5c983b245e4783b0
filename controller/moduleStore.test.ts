import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseConfig } from "./config.ts";
import { createSandbox } from "./flight/sandbox.ts";
import { createClient } from "./kube/client.ts";
import { openModuleStore } from "./moduleStore.ts";
import { createLogger } from "./observe/log.ts";
import { createMetrics } from "./observe/metrics.ts";

function open(env: Readonly<Record<string, string>>) {
  const command = parseConfig([], env);
  if (command.kind !== "run") throw new Error("printed help");
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = createLogger({ format: "json", verbose: false, destination });
  const client = createClient({ server: "https://127.0.0.1:1", namespace: "default" });
  const sandbox = createSandbox({ workers: 1 });
  onTestFinished(async () => {
    await client.transport.close();
    await sandbox.close();
  });
  const store = openModuleStore(command.config, { client, sandbox, metrics: createMetrics(), log });
  onTestFinished(() => store.close());
  return { store, lines };
}

test.each([
  ["keys that are not there", { MODULE_VERIFICATION_KEYS_PATH: "/nowhere/keys.json" }, "CONFIG_FILE_UNREADABLE"],
  ["keys that are none", { MODULE_VERIFICATION_KEYS_PATH: import.meta.filename }, "MODULE_KEYS"],
  ["a Secret without its namespace", { DOCKER_CONFIG_SECRET_NAME: "logins" }, "CONFIG_SETTING_NEEDED"],
])("%s end the start", (_, env, code) => {
  expect(() => open(env)).toThrow(expect.objectContaining({ code }));
});

test("a pattern that is not valid is warned of and allows nothing", () => {
  const { store, lines } = open({ MODULE_ALLOW_LIST: "https://a/[,https://b/*" });
  expect(lines.join()).toContain("https://a/[");
  expect([store.allowed("https://a/["), store.allowed("https://b/mod")]).toEqual([false, true]);
});

test("modules are proven by the sandbox", async () => {
  const folder = mkdtempSync(join(tmpdir(), "modules-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "flight.js");
  writeFileSync(path, "export default () => {");
  const { store } = open({ CACHE_FS: folder });
  await expect(store.load({ url: path })).rejects.toMatchObject({ code: expect.stringMatching(/^FLIGHT_/) });
  writeFileSync(path, "export default () => '[]';");
  expect((await store.load({ url: path, fresh: true })).problem).toBeUndefined();
});
