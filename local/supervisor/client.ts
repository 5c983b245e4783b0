/** Talks to the supervisor of a state folder, and starts one where none lives. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { isAbsolute } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CodedError } from "../../lib/errors.ts";
import { localErrors } from "../errors.ts";
import { call } from "../http.ts";
import { lockHolder } from "../lock.ts";
import { endProcesses, isAlive, type ProcessIdentity } from "../processes.ts";
import { lastLines, openStateDir, statePaths } from "../state.ts";
import { findTool } from "../tool-path.ts";
import type { UpRequest } from "./daemon.ts";
import { inheritedEnvironment } from "./environment.ts";
import { endService, endStrays, recordedServices, removeRecord } from "./record.ts";
import { socketPath } from "./socket.ts";
import { parseServiceSpec, type ServiceFacts } from "./spec.ts";
import { supervisorVersion } from "./version.ts";

const startWithinMs = 30_000;
const answerWithinMs = 5_000;
const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));

/**
 * Makes the service run as declared, and returns when it is ready.
 * @throws LOCAL_SPEC_INVALID, LOCAL_TOOL_MISSING, LOCAL_PORT_TAKEN, LOCAL_SERVICE_NOT_READY, LOCAL_SUPERVISOR_UNREACHABLE
 */
export async function serviceUp(
  dir: string,
  declared: unknown,
  generation?: number | undefined,
): Promise<ServiceFacts> {
  const spec = parseServiceSpec(declared);
  const stateDir = openStateDir(dir);
  const request = { spec, command: programOf(spec.command), generation } satisfies UpRequest;
  // A supervisor that has just lost its last service may end between our look and our call: then there is a next one.
  for (let attempt = 1; ; attempt++) {
    await ensureSupervisor(stateDir);
    try {
      return (await ask(stateDir, "PUT", `/services/${spec.name}`, request)) as ServiceFacts;
    } catch (error) {
      if (error instanceof CodedError || attempt === 3) throw error;
    }
  }
}

/** Ends the service and forgets it; with the last one ends the supervisor. One that is not there is fine. */
export async function serviceDown(dir: string, name: string): Promise<void> {
  const stateDir = openStateDir(dir);
  const supervisor = lockHolder(stateDir, "supervisor");
  if (await answers(stateDir)) await ask(stateDir, "DELETE", `/services/${name}`).catch(rethrowCoded);
  await endService(stateDir, name);
  removeRecord(stateDir, name);
  if (supervisor !== undefined) await endedSupervisor(stateDir, supervisor);
}

/** Ends the supervisor with all its services, and what a killed one has left behind. */
export async function allServicesDown(dir: string): Promise<void> {
  const stateDir = openStateDir(dir);
  // Before it is asked to end: it gives up its lock some moments before its process is gone.
  const supervisor = lockHolder(stateDir, "supervisor");
  if (await answers(stateDir)) await ask(stateDir, "DELETE", "/").catch(rethrowCoded);
  if (supervisor !== undefined) await endProcesses([supervisor], answerWithinMs);
  for (const name of recordedServices(stateDir)) {
    await endService(stateDir, name);
    removeRecord(stateDir, name);
  }
  await endStrays(stateDir);
}

/** Waits for the end of a supervisor that has nothing left to do: of its process, which outlives its lock. */
async function endedSupervisor(stateDir: string, supervisor: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + answerWithinMs;
  const ending = () => recordedServices(stateDir).length === 0 && isAlive(supervisor);
  while (ending() && Date.now() < deadline) await delay(20);
}

/** Returns when a supervisor of this code's version listens. */
async function ensureSupervisor(stateDir: string): Promise<void> {
  const wanted = supervisorVersion();
  const deadline = Date.now() + startWithinMs;
  let started = false;
  for (;;) {
    const version = await versionOf(stateDir);
    if (version === wanted) return;
    if (Date.now() >= deadline) throw unreachable(stateDir, "it was started but does not listen");
    const holder = lockHolder(stateDir, "supervisor");
    const hangs = version === undefined && holder !== undefined && age(holder.since) > answerWithinMs;
    if (holder !== undefined && (version !== undefined || hangs)) {
      await endProcesses([holder], 0); // at once, as its services are to live on
    } else if (holder === undefined && !started) {
      startSupervisor(stateDir);
      started = true;
    }
    await delay(25);
  }
}

const age = (since: string) => Date.now() - Date.parse(since);

function startSupervisor(stateDir: string): void {
  const log = openSync(statePaths.supervisorLog(stateDir), "a", 0o600);
  const child = spawn(process.execPath, [mainFile, stateDir], {
    cwd: "/",
    env: inheritedEnvironment(process.env),
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.once("error", () => {}); // shows as a supervisor that does not answer
  child.unref();
  closeSync(log);
}

const answers = async (stateDir: string) => (await versionOf(stateDir)) !== undefined;

/** The version of the supervisor that listens; undefined when none does. */
async function versionOf(stateDir: string): Promise<string | undefined> {
  try {
    const { body } = await call({
      url: "http://supervisor/",
      socketPath: socketPath(stateDir),
      timeoutMs: answerWithinMs,
    });
    return String((JSON.parse(body) as { version?: unknown }).version);
  } catch {
    return undefined;
  }
}

/** @throws the supervisor's own coded error, or the connection's */
async function ask(stateDir: string, method: "PUT" | "DELETE", path: string, body?: unknown): Promise<unknown> {
  const answer = await call({ url: `http://supervisor${path}`, socketPath: socketPath(stateDir), method, body });
  const value: unknown = answer.body === "" ? undefined : JSON.parse(answer.body);
  if (answer.status === 200) return value;
  const { code, message, todo } = value as CodedError;
  throw new CodedError(code, message, todo);
}

/** A supervisor that ends while it answers has done what was asked. */
function rethrowCoded(error: unknown): void {
  if (error instanceof CodedError) throw error;
}

function programOf(command: string): string {
  if (command === "node") return process.execPath;
  return isAbsolute(command) ? command : findTool(command);
}

function unreachable(stateDir: string, problem: string): Error {
  return localErrors.LOCAL_SUPERVISOR_UNREACHABLE({
    stateDir,
    problem,
    log: lastLines(statePaths.supervisorLog(stateDir), 5),
  });
}
