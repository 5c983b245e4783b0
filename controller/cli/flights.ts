/** What runs flights on this machine, for one command. */

import { createSandbox, type Sandbox } from "../flight/sandbox.ts";
import { readDockerConfig } from "../moduleStore.ts";
import { createModuleStore, type ModuleStore } from "../modules/store.ts";

export interface Flights {
  readonly sandbox: Sandbox;
  readonly modules: ModuleStore;
}

const workers = 4;

export async function withFlights<T>(use: (flights: Flights) => Promise<T>): Promise<T> {
  const sandbox = createSandbox({ workers });
  const modules = createModuleStore({ dockerConfig: readDockerConfig, prove: module => sandbox.prepare(module) });
  try {
    return await use({ sandbox, modules });
  } finally {
    await modules.close();
    await sandbox.close();
  }
}
