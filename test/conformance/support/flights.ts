/** Global set-up: the WebAssembly flights are built before the first scenario. */
import type { TestProject } from "vitest/node";
import { buildFlights } from "../../flights/build.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Folder with a WebAssembly module per flight of test/flights/cmd. */
    flights: string;
  }
}

export async function setup(project: TestProject): Promise<void> {
  project.provide("flights", await buildFlights(line => console.log(`[flights] ${line}`)));
}
