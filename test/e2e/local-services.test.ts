/** The supervisor with real processes: what survives, what is restarted, what is left behind. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { lockHolder } from "../../local/lock.ts";
import { listenError } from "../../local/ports.ts";
import { findProcesses, findProcessesByEnvironment, isAlive } from "../../local/processes.ts";
import { vaultService } from "../../local/services.ts";
import { statePaths } from "../../local/state.ts";
import { markerOf, markerVariable, readRecord } from "../../local/supervisor/record.ts";
import type { ServiceDeclaration } from "../../local/supervisor/spec.ts";
import { newSubstrate, type Substrate, succeeded, until } from "./support/substrate.ts";

/** Answers with its pid, which stands for data that a restart loses. */
const server = `require("node:http")
  .createServer((request, response) => response.end(JSON.stringify({ data: String(process.pid), greeting: process.env.GREETING })))
  .listen(process.env.PORT, "127.0.0.1");`;

const web: ServiceDeclaration = {
  name: "web",
  command: "node",
  args: ["-e", server],
  env: { PORT: "{port:http}", GREETING: "hello" },
  ports: { http: "auto" },
  ready: { url: "http://127.0.0.1:{port:http}/" },
};
const forgetful: ServiceDeclaration = { ...web, name: "forgetful", ready: { ...web.ready, instanceField: "data" } };

const processOf = ({ stateDir }: Substrate, name: string) => {
  const process = readRecord(stateDir, name)?.process;
  if (process === undefined) throw new Error(`${name} has no process`);
  return process;
};
const supervisorOf = ({ stateDir }: Substrate) => {
  const holder = lockHolder(stateDir, "supervisor");
  if (holder === undefined) throw new Error("there is no supervisor");
  return holder;
};
const traces = (stateDir: string) => [
  ...findProcesses(command => command.includes(stateDir)),
  ...findProcessesByEnvironment(markerVariable, value => value.startsWith(markerOf(stateDir, ""))),
];

describe("a service", () => {
  it("comes up once: the same again changes nothing", async () => {
    const substrate = newSubstrate();
    const { absent } = await substrate.probe();
    const facts = await substrate.facts(web, absent.generation);
    const first = processOf(substrate, "web");
    expect(await (await fetch(facts.address)).json()).toMatchObject({ greeting: "hello" });
    expect((await substrate.probe()).services["web"]).toEqual({
      generation: absent.generation,
      state: "healthy",
      problem: "",
    });
    expect(await substrate.facts(web, absent.generation)).toEqual(facts);
    expect(processOf(substrate, "web")).toEqual(first);
  });

  it("is restarted when its declaration changes, and keeps its port", async () => {
    const substrate = newSubstrate();
    const facts = await substrate.facts(web);
    const first = processOf(substrate, "web");
    expect(await substrate.facts({ ...web, env: { ...web.env, GREETING: "hi" } })).toEqual(facts);
    expect(isAlive(first)).toBe(false);
    expect(await (await fetch(facts.address)).json()).toMatchObject({ greeting: "hi" });
  });

  it("is started again after a crash, and that is nothing for Pulumi to do", async () => {
    const substrate = newSubstrate();
    const facts = await substrate.facts(web);
    const before = (await substrate.probe()).services["web"];
    const first = processOf(substrate, "web");
    process.kill(first.pid, "SIGKILL");
    await until(async () => !isAlive(first) && (await substrate.probe()).services["web"]?.state === "healthy");
    expect((await substrate.probe()).services["web"]).toEqual(before);
    expect(await substrate.facts(web)).toEqual(facts);
    expect(readRecord(substrate.stateDir, "web")?.restarts).toBe(1);
  });

  it("that has lost its data shows as broken until the next up, and then has another instance", async () => {
    const substrate = newSubstrate();
    const facts = await substrate.facts(forgetful, 7);
    const first = processOf(substrate, "forgetful");
    process.kill(first.pid, "SIGKILL");
    await until(() => readRecord(substrate.stateDir, "forgetful")?.restarts === 1);
    await until(
      async () => (await substrate.probe()).services["forgetful"]?.problem.includes("lost its data") === true,
    );
    const broken = (await substrate.probe()).services["forgetful"];
    expect(broken).toMatchObject({ generation: 8, state: "broken" });
    const healed = await substrate.facts(forgetful, 8);
    expect({ ...healed, instance: "" }).toEqual({ ...facts, instance: "" });
    expect(healed.instance).not.toBe(facts.instance);
    expect((await substrate.probe()).services["forgetful"]).toEqual({ generation: 8, state: "healthy", problem: "" });
  });

  it("leads a session of its own, so that no terminal takes it away", async () => {
    const substrate = newSubstrate();
    await substrate.facts(web);
    for (const { pid } of [processOf(substrate, "web"), supervisorOf(substrate)]) {
      const [, , group, session] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      expect([group, session]).toEqual([String(pid), String(pid)]);
    }
  });

  it("that cannot run is an error with the end of its log, in which no secret stands, and leaves nothing running", async () => {
    const substrate = newSubstrate();
    const script = 'console.error(process.env.APP_TOKEN, "is what I was given"); process.exit(3)';
    const { code, stderr } = await substrate.serviceUp({ ...web, args: ["-e", script], env: { APP_TOKEN: "hunter2" } });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /service web did not become ready: it exited with 3.*\[secret\] is what I was given.*LOCAL_SERVICE_NOT_READY/s,
    );
    expect(stderr).not.toContain("hunter2");
    await until(() => traces(substrate.stateDir).length === 0);
  });

  it("that was declared wrongly is an error that names the field", async () => {
    const { code, stderr } = await newSubstrate().serviceUp({ ...web, ports: { http: 0 } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/ports\.http.*LOCAL_SPEC_INVALID/s)]);
  });
});

describe("a port", () => {
  it("that is fixed and taken is an error that names its owner; what ran before still runs", async () => {
    const substrate = newSubstrate();
    await substrate.facts(web);
    const first = processOf(substrate, "web");
    const foreign = createServer();
    onTestFinished(() => void foreign.close());
    await new Promise<void>(resolve => foreign.listen(0, "127.0.0.1", resolve));
    const { port } = foreign.address() as { port: number };
    const { code, stderr } = await substrate.serviceUp({ ...web, ports: { http: port } });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`web \\(http\\) cannot listen on 127.0.0.1:${port}.*\\(${process.pid}\\).*LOCAL_PORT_TAKEN`, "s"),
    );
    expect(isAlive(first)).toBe(true);
  });

  it("that was chosen and is taken by now is exchanged for another", async () => {
    const substrate = newSubstrate();
    const { ports } = await substrate.facts(web);
    process.kill(supervisorOf(substrate).pid, "SIGKILL");
    process.kill(processOf(substrate, "web").pid, "SIGKILL");
    await until(async () => (await listenError(ports["http"] ?? 0)) === undefined);
    const foreign = createServer();
    onTestFinished(() => void foreign.close());
    await new Promise<void>(resolve => foreign.listen(ports["http"], "127.0.0.1", resolve));
    const after = await substrate.facts(web);
    expect(after.ports["http"]).not.toBe(ports["http"]);
    expect((await fetch(after.address)).status).toBe(200);
  });
});

describe("the supervisor", () => {
  it("that was killed shows as broken, and its successor adopts the services", async () => {
    const substrate = newSubstrate();
    const facts = await substrate.facts(forgetful, 3);
    const service = processOf(substrate, "forgetful");
    const first = supervisorOf(substrate);
    process.kill(first.pid, "SIGKILL");
    await until(() => !isAlive(first));
    expect((await substrate.probe()).services["forgetful"]).toMatchObject({ generation: 4, state: "broken" });
    expect(await substrate.facts(forgetful, 4)).toEqual(facts);
    expect(isAlive(service)).toBe(true);
    expect((await substrate.probe()).services["forgetful"]).toMatchObject({ generation: 4, state: "healthy" });
    process.kill(service.pid, "SIGKILL");
    await until(() => readRecord(substrate.stateDir, "forgetful")?.restarts === 1);
  });

  it("is one, however many commands start it", async () => {
    const substrate = newSubstrate();
    const names = ["a", "b", "c", "d"];
    const all = await Promise.all(names.map(name => substrate.facts({ ...web, name })));
    expect(new Set(all.map(({ address }) => address)).size).toBe(names.length);
    // Those that came too late see that and end.
    await until(
      () => findProcesses(command => command.endsWith(`supervisor/main.ts ${substrate.stateDir}`)).length === 1,
    );
    for (const { address } of all) expect((await fetch(address)).status).toBe(200);
  });

  it("works in a folder whose path is too long for a socket", async () => {
    const substrate = newSubstrate(`${"long/".repeat(30)}end`);
    const facts = await substrate.facts(web);
    expect((await fetch(facts.address)).status).toBe(200);
  });

  it("ends with the last service, and leaves no process, no port and no folder", async () => {
    const substrate = newSubstrate("state");
    const { ports } = await substrate.facts(web);
    await substrate.facts(forgetful);
    succeeded(await substrate.cli("service", "down", "web"));
    expect(existsSync(substrate.stateDir)).toBe(true);
    succeeded(await substrate.cli("service", "down", "forgetful"));
    expect(traces(substrate.stateDir)).toEqual([]);
    expect(await listenError(ports["http"] ?? 0)).toBeUndefined();
    expect(existsSync(substrate.stateDir)).toBe(false);
    succeeded(await substrate.cli("service", "down", "web"));
  });

  it("takes its services with it when its folder is removed", async () => {
    const substrate = newSubstrate("state");
    await substrate.facts(web);
    rmSync(substrate.stateDir, { recursive: true });
    await until(() => traces(substrate.stateDir).length === 0);
    expect(existsSync(substrate.stateDir)).toBe(false);
  });

  it("that was killed leaves nothing for `down --all` to miss", async () => {
    const substrate = newSubstrate("state");
    await substrate.facts(web);
    process.kill(supervisorOf(substrate).pid, "SIGKILL");
    rmSync(statePaths.service(substrate.stateDir, "web"));
    succeeded(await substrate.cli("down", "--all"));
    expect(traces(substrate.stateDir)).toEqual([]);
  });
});

describe("vault", () => {
  it("tells by its instance that its data is gone", async () => {
    const substrate = newSubstrate();
    const vault = vaultService({ port: "auto", rootToken: "a-root-token" });
    const facts = await substrate.facts(vault, 1);
    const mounts = await fetch(`${facts.address}/v1/sys/mounts`, { headers: { "x-vault-token": "a-root-token" } });
    expect(await mounts.json()).toMatchObject({ "secret/": { type: "kv", options: { version: "2" } } });
    process.kill(processOf(substrate, "vault").pid, "SIGKILL");
    const healed = await substrate.facts(vault, 2);
    expect(healed.address).toBe(facts.address);
    expect(healed.instance).not.toBe(facts.instance);
    expect((await substrate.probe()).services["vault"]).toEqual({ generation: 2, state: "healthy", problem: "" });
  });
});
