/** Ending parts of the substrate; the folder goes with the last of them. */
import { existsSync } from "node:fs";
import { readClusterRecord } from "./cluster/health.ts";
import { deleteCluster } from "./cluster.ts";
import { lockHolder } from "./lock.ts";
import { removeFile, statePaths } from "./state.ts";
import { allServicesDown, serviceDown as endOneService } from "./supervisor/client.ts";
import { recordedServices } from "./supervisor/record.ts";

export async function clusterDown(stateDir: string, name: string): Promise<string> {
  await deleteCluster({ stateDir, name });
  return removeIfEmpty(stateDir);
}

export async function serviceDown(stateDir: string, name: string): Promise<string> {
  await endOneService(stateDir, name);
  return removeIfEmpty(stateDir);
}

/** Everything, from whatever state: after it no process, no port and no file is left. */
export async function allDown(stateDir: string): Promise<string> {
  await allServicesDown(stateDir);
  await deleteCluster({ stateDir, name: readClusterRecord(stateDir)?.name });
  removeFile(stateDir);
  return "";
}

/** Logs stay as long as anything does; a folder in which nothing is recorded, and nobody is at work, has no more use. */
function removeIfEmpty(stateDir: string): string {
  const parts = readClusterRecord(stateDir) !== undefined || existsSync(statePaths.kwok(stateDir));
  const busy = ["cluster", "supervisor"].some(what => lockHolder(stateDir, what) !== undefined);
  if (!parts && !busy && recordedServices(stateDir).length === 0) removeFile(stateDir);
  return "";
}
