/**
 * The supervisor of one state folder: a small HTTP server behind a unix socket.
 *
 *     GET    /              {version}: the code that it runs
 *     PUT    /services/NAME {spec, command, generation?} → ServiceFacts, once the service is ready
 *     DELETE /services/NAME once the service is down
 *     DELETE /              once all are down; the supervisor ends
 *
 * Errors are answered with status 422 and {code, message, todo}. It ends by itself when no service is left, and when its
 * state folder is removed (then with its services).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { CodedError } from "../../lib/errors.ts";
import { localErrors } from "../errors.ts";
import { stillHeld } from "../lock.ts";
import { freePort, listenError, requireFreePort } from "../ports.ts";
import { removeFile, statePaths } from "../state.ts";
import { boundLog } from "./log.ts";
import { isLoginDue, writeLogin } from "./login.ts";
import { readRecord, recordedServices } from "./record.ts";
import { Serial } from "./serial.ts";
import { SupervisedService } from "./service.ts";
import { secureSocketDir, socketPath } from "./socket.ts";
import { makeConcrete, type Ports, parseServiceSpec, type ServiceSpec } from "./spec.ts";
import { supervisorVersion } from "./version.ts";

export interface UpRequest {
  readonly spec: unknown;
  /** The program's absolute path, found on the caller's PATH. */
  readonly command: string;
  readonly generation?: number | undefined;
}

const tickMs = 1_000;
/** Longer than an attempt takes. */
const renewalPauseMs = 10_000;
/** How long a supervisor without services waits for its first. */
const idleMs = 10_000;

interface Entry {
  readonly service: SupervisedService;
  readonly serial: Serial;
}

export class Supervisor {
  readonly #stateDir: string;
  readonly #log: (line: string) => void;
  readonly #version = supervisorVersion();
  readonly #services = new Map<string, Entry>();
  readonly #choosingPorts = new Serial();
  #nextRenewal = 0;
  #requests = 0;
  #idleSince = Date.now();
  #end: () => void = () => {};

  constructor(stateDir: string, log: (line: string) => void) {
    this.#stateDir = stateDir;
    this.#log = log;
  }

  /** Serves until there is nothing left to supervise. The caller holds the folder's lock. */
  async serve(): Promise<void> {
    for (const name of recordedServices(this.#stateDir)) this.#entry(name);
    const socket = socketPath(this.#stateDir);
    secureSocketDir(dirname(socket));
    removeFile(socket); // stale: the lock says that no other supervisor lives
    const server = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socket, resolve);
    });
    const timer = setInterval(() => this.#tick(), tickMs);
    await new Promise<void>(resolve => {
      this.#end = resolve;
    });
    clearInterval(timer);
    await new Promise(resolve => server.close(resolve));
  }

  /** Ends all services, then serve() returns. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#services.values()].map(({ service, serial }) => serial.run(() => service.stop())));
    this.#end();
  }

  #entry(name: string): Entry {
    const found = this.#services.get(name);
    if (found !== undefined) return found;
    const service = new SupervisedService(this.#stateDir, readRecord(this.#stateDir, name), this.#log);
    const entry = { service, serial: new Serial() };
    this.#services.set(name, entry);
    return entry;
  }

  get #busy(): boolean {
    return this.#requests > 0 || [...this.#services.values()].some(({ service }) => service.active);
  }

  #tick(): void {
    if (!stillHeld(this.#stateDir, "supervisor")) {
      this.#log("the state folder is gone");
      void this.stopAll();
      return;
    }
    boundLog(statePaths.supervisorLog(this.#stateDir));
    for (const { service } of this.#services.values()) service.tick();
    this.#renewLogins();
    if (this.#busy) this.#idleSince = Date.now();
    else if (Date.now() - this.#idleSince >= idleMs) this.#end();
  }

  /** One attempt at a time; a cluster that is down is asked again after a while. */
  #renewLogins(): void {
    const now = Date.now();
    if (now < this.#nextRenewal) return;
    this.#nextRenewal = now + renewalPauseMs;
    for (const { service } of this.#services.values()) {
      const account = service.running ? service.record?.service.account : undefined;
      if (account === undefined || !isLoginDue(this.#stateDir, account, now)) continue;
      void writeLogin(this.#stateDir, account).catch((error: Error) => this.#log(error.message));
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    try {
      const result = await this.#route(request);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result));
    } catch (error) {
      if (!(error instanceof CodedError))
        this.#log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      const coded =
        error instanceof CodedError ? error : localErrors.LOCAL_SUPERVISOR_FAILED({ problem: String(error) });
      const { code, message, todo } = coded;
      response.writeHead(422, { "content-type": "application/json" }).end(JSON.stringify({ code, message, todo }));
    } finally {
      this.#requests--;
      if (request.method !== "GET" && !this.#busy) this.#end();
    }
  }

  async #route(request: IncomingMessage): Promise<unknown> {
    const [, collection, name] = (request.url ?? "/").split("/");
    if (collection === "services" && name !== undefined && request.method === "PUT") {
      return this.#up(name, JSON.parse(await textOf(request)) as UpRequest);
    }
    if (collection === "services" && name !== undefined && request.method === "DELETE") return this.#down(name);
    if (collection === "" && request.method === "DELETE") return void (await this.stopAll());
    return { version: this.#version };
  }

  async #up(name: string, { spec: declared, command, generation }: UpRequest): Promise<unknown> {
    const spec = parseServiceSpec(declared);
    if (spec.name !== name) throw localErrors.LOCAL_SPEC_INVALID({ problems: `name: is ${spec.name}, not ${name}` });
    const { service, serial } = this.#entry(name);
    return serial.run(async () => {
      const ports = await this.#choosingPorts.run(() => this.#choosePorts(spec, service));
      const concrete = makeConcrete({ ...spec, command }, { stateDir: this.#stateDir, ports });
      // Always a new one: the token may be of another cluster, or of an account that was made anew.
      if (concrete.account !== undefined) await writeLogin(this.#stateDir, concrete.account);
      return service.up(concrete, generation);
    });
  }

  async #down(name: string): Promise<unknown> {
    const { service, serial } = this.#entry(name);
    await serial.run(() => service.remove());
    this.#services.delete(name);
    return { name };
  }

  /** The ports of before wherever possible; a fixed one must be free, unless it is the service's own. */
  async #choosePorts(spec: ServiceSpec, service: SupervisedService): Promise<Ports> {
    const before = service.record?.service.ports ?? {};
    const taken = new Set(
      [...this.#services.values()].flatMap(entry => Object.values(entry.service.record?.service.ports ?? {})),
    );
    const ports: Record<string, number> = {};
    for (const [use, wanted] of Object.entries(spec.ports)) {
      const old = before[use];
      const own = (port: number) => service.running && Object.values(before).includes(port);
      if (wanted !== "auto") {
        if (!own(wanted)) await requireFreePort(`${spec.name} (${use})`, wanted);
        ports[use] = wanted;
      } else if (old !== undefined && (own(old) || (await listenError(old)) === undefined)) {
        ports[use] = old;
      } else {
        ports[use] = await freePort(taken);
      }
      taken.add(ports[use] ?? 0);
    }
    return ports;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk;
  return text;
}
