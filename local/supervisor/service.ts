/**
 * One supervised service: started, watched, started again after a crash, stopped.
 *
 * Its processes lead a session of their own and write straight into their log file, so they outlive a killed supervisor
 * unharmed, and its successor adopts them: a Vault in dev mode would lose its data by a restart.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { localErrors } from "../errors.ts";
import { recordedGeneration } from "../generation.ts";
import { identify, isAlive, type ProcessIdentity } from "../processes.ts";
import { lastLines, projectRoot, statePaths } from "../state.ts";
import { backoffMs, countCrash } from "./backoff.ts";
import { inheritedEnvironment } from "./environment.ts";
import { boundLog } from "./log.ts";
import { askReady } from "./ready.ts";
import {
  endService,
  liveProcess,
  markerOf,
  markerVariable,
  removeRecord,
  type ServiceRecord,
  writeRecord,
} from "./record.ts";
import { type ConcreteService, factsOf, type ServiceFacts } from "./spec.ts";

/** A service that crashes this often before it is ready has failed; waiting longer would not help. */
const crashesUntilFailure = 3;
const answerWithinMs = 2_000;
/** How long a running service may stay silent before it counts as hung. */
const silenceMs = 10_000;

export class SupervisedService {
  readonly #stateDir: string;
  readonly #log: (line: string) => void;
  #record: ServiceRecord | undefined;
  #process: ProcessIdentity | undefined;
  /** A process that is not our child: nobody tells us when it ends. */
  #adopted: ProcessIdentity | undefined;
  #restart: NodeJS.Timeout | undefined;
  #crashesInARow = 0;
  #lastEnd = "";

  /** @param record of an earlier supervisor: its process, if it still lives, is adopted */
  constructor(stateDir: string, record: ServiceRecord | undefined, log: (line: string) => void) {
    this.#stateDir = stateDir;
    this.#log = log;
    this.#record = record;
    this.#process = liveProcess(record);
    this.#adopted = this.#process;
    if (this.#process !== undefined) log(`${record?.service.name} adopted, pid ${this.#process.pid}`);
  }

  get record(): ServiceRecord | undefined {
    return this.#record;
  }

  /** Whether the supervisor has to stay for it: it runs, or will be started again. */
  get active(): boolean {
    return this.#process !== undefined || this.#restart !== undefined;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /**
   * Makes the service run as described and waits until it is ready. A running one is kept if it was started from an
   * equal description and answers.
   * @throws LOCAL_SERVICE_NOT_READY; the service is down then
   */
  async up(service: ConcreteService, asked: number | undefined): Promise<ServiceFacts> {
    const before = this.#record;
    const keep = this.running && before?.service.hash === service.hash && (await this.#answers(service));
    if (!keep) {
      await this.stop();
      this.#crashesInARow = 0;
      this.#start(service, 0);
    }
    const instance = await this.#waitReady(service);
    const changed = !keep || instance !== before?.instance;
    const generation = recordedGeneration(before?.generation, { asked, changed });
    this.#update({ service, instance, generation });
    return factsOf(service, instance);
  }

  /** Ends its processes. The record stays, and with it the choice of ports. */
  async stop(): Promise<void> {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#process = undefined;
    this.#adopted = undefined;
    if (this.#record === undefined) return;
    const { name } = this.#record.service;
    await endService(this.#stateDir, name);
    this.#log(`${name} stopped`);
    this.#update({ process: undefined });
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#record !== undefined) removeRecord(this.#stateDir, this.#record.service.name);
    this.#record = undefined;
  }

  /** To be called every second or so: notices the end of an adopted process, and bounds the log. */
  tick(): void {
    if (this.#record === undefined) return;
    boundLog(statePaths.log(this.#stateDir, this.#record.service.name));
    const adopted = this.#adopted;
    if (adopted === undefined || isAlive(adopted)) return;
    this.#adopted = undefined;
    this.#ended(adopted, "ended");
  }

  #start(service: ConcreteService, restarts: number): void {
    const child = this.#spawn(service);
    const process = child.pid === undefined ? undefined : identify(child.pid);
    this.#process = process;
    const { instance = "", generation } = this.#record ?? {};
    this.#record = { service, process, instance, generation, restarts, startedAt: new Date().toISOString() };
    writeRecord(this.#stateDir, this.#record);
    this.#log(`${service.name} started, pid ${child.pid ?? "none"}`);
    child.once("error", error => this.#ended(process, `could not be started (${error.message})`));
    child.once("exit", (code, signal) =>
      this.#ended(process, signal === null ? `exited with ${code}` : `died of ${signal}`),
    );
  }

  #spawn({ name, command, args, env }: ConcreteService) {
    const file = statePaths.log(this.#stateDir, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const log = openSync(file, "a", 0o600);
    const marker = { [markerVariable]: markerOf(this.#stateDir, name) };
    try {
      return spawn(command, args, {
        cwd: projectRoot,
        env: { ...inheritedEnvironment(process.env), ...env, ...marker },
        detached: true,
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  #ended(process: ProcessIdentity | undefined, how: string): void {
    // After stop() or a newer start it is another one, or none, that we look after.
    if (this.#record === undefined || this.#restart !== undefined || this.#process !== process) return;
    const { service, startedAt, restarts } = this.#record;
    this.#process = undefined;
    this.#lastEnd = how;
    this.#crashesInARow = countCrash(this.#crashesInARow, Date.now() - Date.parse(startedAt));
    const waitMs = backoffMs(this.#crashesInARow);
    this.#log(`${service.name} ${how}; starting it again in ${waitMs} ms`);
    this.#update({ process: undefined });
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.#start(service, restarts + 1);
    }, waitMs);
  }

  /** Whether a running service answers, given some time: it may be busy, or have been started just now. */
  async #answers(service: ConcreteService): Promise<boolean> {
    const deadline = Date.now() + silenceMs;
    while (this.running) {
      if ((await askReady(service, answerWithinMs)).ready) return true;
      if (Date.now() >= deadline) return false;
      await delay(100);
    }
    return false;
  }

  /** @returns the service's instance */
  async #waitReady(service: ConcreteService): Promise<string> {
    const deadline = Date.now() + service.ready.timeoutSeconds * 1000;
    let problem = "it did not start";
    while (Date.now() < deadline && this.#crashesInARow < crashesUntilFailure) {
      // Asked only while our process lives: a foreign one may answer on the same port.
      if (this.running) {
        const answer = await askReady(service, answerWithinMs);
        if (answer.ready && this.running) return answer.instance;
        if (!answer.ready) problem = answer.problem;
      }
      await delay(50);
    }
    if (this.#crashesInARow >= crashesUntilFailure)
      problem = `it ${this.#lastEnd}, ${this.#crashesInARow} times in a row`;
    await this.stop();
    throw this.#notReady(service, problem);
  }

  #notReady({ name, env }: ConcreteService, problem: string): Error {
    const logFile = statePaths.log(this.#stateDir, name);
    const secrets = Object.entries(env).filter(([key, value]) => /TOKEN|SECRET|PASSW|KEY/i.test(key) && value !== "");
    const log = secrets.reduce((text, [, value]) => text.replaceAll(value, "[secret]"), lastLines(logFile, 8));
    return localErrors.LOCAL_SERVICE_NOT_READY({ name, problem, logFile, log });
  }

  #update(change: Partial<ServiceRecord>): void {
    if (this.#record === undefined) return;
    this.#record = { ...this.#record, ...change };
    writeRecord(this.#stateDir, this.#record);
  }
}
