/** Global set-up: the WebAssembly flights are built, and there is a registry for them. */
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
  project.provide("flights", await buildFlights(undefined, line => console.log(`[flights] ${line}`)));
  const registry = await startRegistry();
  project.provide("registry", registry.host);
  return () => registry.stop();
}
