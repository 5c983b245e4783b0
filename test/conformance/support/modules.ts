/**
 * Global set-up: the WebAssembly flights are built, and there is a registry for them. `CONFORMANCE_FLIGHTS` names a
 * folder of modules, named like the programs of test/flights/cmd, that take the place of ours; with those that are built
 * from yoke's own test fixtures the scenarios show that modules of yoke run unchanged.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { startRegistry } from "../../e2e/support/registry.ts";
import { buildFlights } from "../../flights/build.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Folder with a WebAssembly module per flight of test/flights/cmd. */
    flights: string;
    /** `HOST:PORT` of an OCI registry without TLS. */
    registry: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const built = await buildFlights(undefined, line => console.log(`[flights] ${line}`));
  const given = process.env["CONFORMANCE_FLIGHTS"];
  const flights = given ? replaced(built, resolve(given)) : built;
  project.provide("flights", flights);
  const registry = await startRegistry();
  project.provide("registry", registry.host);
  return async () => {
    await registry.stop();
    if (flights !== built) rmSync(flights, { recursive: true });
  };
}

/** A folder with all of `built`, those that `given` has taken from there. */
function replaced(built: string, given: string): string {
  const folder = mkdtempSync(join(tmpdir(), "flights-"));
  const names = readdirSync(built);
  const foreign = readdirSync(given);
  const unknown = foreign.filter(name => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`${given}: no scenario uses ${unknown.join(", ")}; there are ${names.join(", ")}`);
  for (const name of names) cpSync(join(foreign.includes(name) ? given : built, name), join(folder, name));
  console.log(`[flights] ${foreign.length} of ${names.length} are from ${given}`);
  return folder;
}
