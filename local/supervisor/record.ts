/** What the supervisor keeps of each service on disk, for `probe`, for `status`, and for its own successor. */
import { existsSync, readdirSync } from "node:fs";
import { endProcesses, findProcessesByEnvironment, isAlive, type ProcessIdentity } from "../processes.ts";
import { readJson, removeFile, statePaths, writeJson } from "../state.ts";
import type { ConcreteService } from "./spec.ts";

export interface ServiceRecord {
  readonly service: ConcreteService;
  /** Undefined while the service is down. */
  readonly process?: ProcessIdentity | undefined;
  /** See generation.ts. */
  readonly generation?: number | undefined;
  /** The service's data as of the last `up`; see `instanceField`. */
  readonly instance: string;
  /** Starts after a crash, since the first start. */
  readonly restarts: number;
  /** ISO time of the last start. */
  readonly startedAt: string;
}

/** In the environment of each service, so that one is found even if its start was never recorded. */
export const markerVariable = "DYNAMIC_MODE_SERVICE";

export function markerOf(stateDir: string, name: string): string {
  return `${stateDir}#${name}`;
}

export function readRecord(stateDir: string, name: string): ServiceRecord | undefined {
  return readJson<ServiceRecord>(statePaths.service(stateDir, name));
}

/** A state folder that was removed stays removed. */
export function writeRecord(stateDir: string, record: ServiceRecord): void {
  if (!existsSync(stateDir)) return;
  writeJson(statePaths.service(stateDir, record.service.name), record);
}

export function removeRecord(stateDir: string, name: string): void {
  removeFile(statePaths.service(stateDir, name));
}

export function recordedServices(stateDir: string): string[] {
  try {
    const files = readdirSync(statePaths.services(stateDir)).filter(file => file.endsWith(".json"));
    return files.map(file => file.slice(0, -".json".length)).sort();
  } catch {
    return [];
  }
}

/** The service's process if it lives: the recorded one, as its pid may belong to somebody else by now. */
export function liveProcess(record: ServiceRecord | undefined): ProcessIdentity | undefined {
  return record?.process !== undefined && isAlive(record.process) ? record.process : undefined;
}

/** Ends whatever runs of a service, recorded or not. */
export async function endService(stateDir: string, name: string): Promise<void> {
  const record = readRecord(stateDir, name);
  const recorded = liveProcess(record);
  const marker = markerOf(stateDir, name);
  const marked = findProcessesByEnvironment(markerVariable, value => value === marker);
  const others = marked.filter(({ pid }) => pid !== recorded?.pid);
  const graceMs = (record?.service.stopSeconds ?? 10) * 1000;
  await endProcesses(recorded === undefined ? others : [recorded, ...others], graceMs);
}

/** Ends the services of a folder whose records are lost. */
export async function endStrays(stateDir: string): Promise<void> {
  const marker = markerOf(stateDir, "");
  await endProcesses(
    findProcessesByEnvironment(markerVariable, value => value.startsWith(marker)),
    5_000,
  );
}
