/**
 * Which code a supervisor runs. It lives for weeks while the repository moves on: a client that finds one of another
 * version lets a new one take over, which adopts the services as they are.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL(".", import.meta.url);

export function supervisorVersion(): string {
  const hash = createHash("sha256").update(process.version);
  const files = readdirSync(folder).filter(file => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  for (const file of files.sort()) hash.update(file).update(readFileSync(new URL(file, folder)));
  return hash.digest("hex");
}
