/** The embedded cluster, brought up from whatever a crash, a reboot or an impatient person may leave behind. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { ownUsername } from "../../controller/admission/identity.ts";
import { createClient } from "../../controller/kube/client.ts";
import { loadConfig } from "../../controller/kube/config.ts";
import {
  type Component,
  clusterDirOf,
  components,
  readClusterRecord,
  runningComponents,
} from "../../local/cluster/health.ts";
import { readCredentials } from "../../local/cluster/kubeconfig.ts";
import { portsByComponent } from "../../local/cluster/kwokctl.ts";
import { call } from "../../local/http.ts";
import { listenError } from "../../local/ports.ts";
import { findProcesses, identify, isAlive } from "../../local/processes.ts";
import { statePaths } from "../../local/state.ts";
import { newSubstrate, type Substrate, succeeded, until } from "./support/substrate.ts";

const dirOf = ({ stateDir }: Substrate) => clusterDirOf(stateDir, "demo");
const recordOf = ({ stateDir }: Substrate) => {
  const record = readClusterRecord(stateDir);
  if (record === undefined) throw new Error("no cluster is recorded");
  return record;
};
const portsOf = (substrate: Substrate) =>
  portsByComponent(readFileSync(join(dirOf(substrate), "kwok.yaml"), "utf8")).map(({ port }) => port);

function pidOf(substrate: Substrate, component: Component): number {
  const pid = runningComponents(dirOf(substrate)).get(component)?.pid;
  if (pid === undefined) throw new Error(`${component} is not running`);
  return pid;
}

async function kill(substrate: Substrate, component: Component): Promise<void> {
  const process_ = identify(pidOf(substrate, component));
  if (process_ === undefined) throw new Error(`${component} is not running`);
  process.kill(process_.pid, "SIGKILL");
  await until(() => !isAlive(process_));
}

const ask = (substrate: Substrate, path: string, body?: unknown) =>
  call({
    url: `https://127.0.0.1:${recordOf(substrate).ports["kube-apiserver"]}${path}`,
    method: body === undefined ? "GET" : "POST",
    body,
    tls: readCredentials(dirOf(substrate)),
  });

/** Something that only etcd's data can bring back. */
async function leaveMark(substrate: Substrate): Promise<void> {
  const mark = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "mark" } };
  const { status } = await ask(substrate, "/api/v1/namespaces/default/configmaps", mark);
  expect(status).toBe(201);
}
const markStatus = async (substrate: Substrate) =>
  (await ask(substrate, "/api/v1/namespaces/default/configmaps/mark")).status;

function findFds(pid: number): string[] {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).flatMap(fd => {
    try {
      return [readlinkSync(join(dir, fd))];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** The addresses on which a process listens, as the hexadecimal words of /proc/net/tcp and tcp6. */
function listenAddresses(pid: number): string[] {
  const sockets = new Set(findFds(pid).flatMap(target => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  return ["tcp", "tcp6"].flatMap(table =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .map(line => line.trim().split(/\s+/))
      .filter(fields => fields[3] === "0A" && sockets.has(fields[9] ?? ""))
      .map(fields => fields[1]?.split(":")[0] ?? ""),
  );
}

describe("the cluster", () => {
  it("comes up from nothing on loopback only, with RBAC and a node; again changes nothing; down leaves nothing", async () => {
    const substrate = newSubstrate("state");
    const first = succeeded(await substrate.clusterUp());
    const config = parse(first);
    expect(config.clusters[0].cluster.server).toBe(`https://127.0.0.1:${recordOf(substrate).ports["kube-apiserver"]}`);
    const nodes = JSON.parse((await ask(substrate, "/api/v1/nodes")).body);
    expect(nodes.items).toHaveLength(1);
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: "nobody", resourceAttributes: { verb: "list", resource: "secrets" } },
    };
    const answer = await ask(substrate, "/apis/authorization.k8s.io/v1/subjectaccessreviews", review);
    expect(JSON.parse(answer.body).status.allowed).toBe(false);

    const running = [...runningComponents(dirOf(substrate))];
    expect(running.map(([name]) => name).sort()).toEqual([...components].sort());
    for (const [, { pid }] of running) {
      expect(new Set(listenAddresses(pid))).toEqual(new Set(["0100007F"]));
    }

    const { generation, createdAs } = recordOf(substrate);
    expect((await substrate.probe()).cluster).toEqual({ generation, createdAs, state: "healthy", problem: "" });
    const second = await substrate.clusterUp();
    expect(second).toEqual({ code: 0, stdout: first, stderr: "" });
    expect([...runningComponents(dirOf(substrate))]).toEqual(running);
    expect(recordOf(substrate)).toMatchObject({ generation, startCount: 1 });
    const wrongName = await substrate.cli("cluster", "up", "--name", "other");
    expect([wrongName.code, wrongName.stderr]).toEqual([1, expect.stringContaining("LOCAL_CLUSTER_RENAMED")]);
    succeeded(await substrate.cli("cluster", "down", "--name", "other"));
    expect((await substrate.probe()).cluster.state).toBe("healthy");

    const ports = portsOf(substrate);
    // Ours, which no other cluster is given while one of these components is down.
    for (const port of ports) expect(Math.floor(port / 10_000)).toBe(2);
    succeeded(await substrate.cli("cluster", "down", "--name", "demo"));
    expect(findProcesses(command => command.includes(substrate.stateDir))).toEqual([]);
    for (const port of ports) expect(await listenError(port)).toBeUndefined();
    expect(existsSync(substrate.stateDir)).toBe(false);
    succeeded(await substrate.cli("cluster", "down", "--name", "demo"));
  });

  it("is repaired after the loss of any process, and keeps its data and address", async () => {
    const substrate = newSubstrate();
    const kubeconfig = succeeded(await substrate.clusterUp(100));
    await leaveMark(substrate);
    for (const [i, component] of components.entries()) {
      await kill(substrate, component);
      const broken = (await substrate.probe()).cluster;
      expect(broken).toMatchObject({
        generation: 101 + i,
        state: "broken",
        problem: expect.stringContaining(component),
      });
      expect(succeeded(await substrate.clusterUp(broken.generation))).toBe(kubeconfig);
      expect((await substrate.probe()).cluster).toEqual({
        generation: broken.generation,
        createdAs: broken.createdAs,
        state: "healthy",
        problem: "",
      });
      expect(await markStatus(substrate)).toBe(200);
    }
    expect(recordOf(substrate).startCount).toBe(1 + components.length);
  });

  it("survives what a reboot does: all dead, pids given to others, a port taken", async () => {
    const substrate = newSubstrate();
    succeeded(await substrate.clusterUp());
    await leaveMark(substrate);
    const { etcd } = recordOf(substrate).ports;
    for (const component of components) await kill(substrate, component);
    const foreign = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
    onTestFinished(() => void foreign.kill("SIGKILL"));
    const pids = join(dirOf(substrate), "pids");
    for (const file of readdirSync(pids)) writeFileSync(join(pids, file), String(foreign.pid));
    const taken = createServer();
    onTestFinished(() => void taken.close());
    await new Promise<void>(resolve => taken.listen(etcd, "127.0.0.1", resolve));

    const { code, stderr } = await substrate.clusterUp();
    expect([code, stderr]).toEqual([0, expect.stringMatching(new RegExp(`port ${etcd} of etcd is taken.*moving to`))]);
    expect(recordOf(substrate).ports.etcd).not.toBe(etcd);
    expect(await markStatus(substrate)).toBe(200);
    expect((await substrate.probe()).cluster.state).toBe("healthy");

    for (const file of readdirSync(pids)) writeFileSync(join(pids, file), String(foreign.pid));
    succeeded(await substrate.cli("cluster", "down", "--name", "demo"));
    expect(findProcesses(command => command.includes(substrate.stateDir))).toEqual([]);
    expect(foreign.exitCode).toBeNull();
    expect(identify(foreign.pid ?? 0)).toBeDefined();
  });

  it.each(["SIGINT", "SIGKILL"] as const)("whose creation was ended by %s is created by the next up", async signal => {
    const substrate = newSubstrate("state");
    const bin = join(dirOf(substrate), "bin");
    // Each moment at which the interrupted run leaves something else behind.
    const moments = [
      () => existsSync(statePaths.kwok(substrate.stateDir)),
      () => existsSync(join(bin, "etcd")),
      () => runningComponents(dirOf(substrate)).size >= 1,
      () => runningComponents(dirOf(substrate)).size === components.length,
    ];
    for (const reached of moments) {
      const { child, outcome } = substrate.start(["cluster", "up", "--name", "demo"]);
      await until(() => reached() || child.exitCode !== null);
      child.kill(signal);
      await outcome;
    }
    const { cluster } = await substrate.probe();
    expect(cluster.state).toBe("absent");
    succeeded(await substrate.clusterUp(cluster.generation));
    expect((await substrate.probe()).cluster).toEqual({ ...cluster, state: "healthy", problem: "" });
    expect(findProcesses(command => command.startsWith(bin))).toHaveLength(components.length);
    succeeded(await substrate.cli("down", "--all"));
    expect(findProcesses(command => command.includes(substrate.stateDir))).toEqual([]);
  });

  it("that hangs is restarted with its data", async () => {
    const substrate = newSubstrate();
    succeeded(await substrate.clusterUp());
    await leaveMark(substrate);
    process.kill(pidOf(substrate, "kube-apiserver"), "SIGSTOP");
    expect((await substrate.probe()).cluster).toMatchObject({
      state: "broken",
      problem: expect.stringContaining("no answer"),
    });
    succeeded(await substrate.clusterUp());
    expect(await markStatus(substrate)).toBe(200);
  });

  it("that is only slow to answer is waited for, and nothing of it is started", async () => {
    const substrate = newSubstrate();
    succeeded(await substrate.clusterUp());
    const before = recordOf(substrate);
    const running = [...runningComponents(dirOf(substrate))];
    const pid = pidOf(substrate, "kube-apiserver");
    process.kill(pid, "SIGSTOP");
    const waiting = substrate.clusterUp();
    // By the end of the second look the one of `up` is over, too.
    for (const _ of ["first", "second"]) expect((await substrate.probe()).cluster.state).toBe("broken");
    process.kill(pid, "SIGCONT");
    succeeded(await waiting);
    expect([...runningComponents(dirOf(substrate))]).toEqual(running);
    expect(recordOf(substrate)).toEqual(before);
  });

  it("whose folder was moved is created anew, and the old processes end", async () => {
    const substrate = newSubstrate("state");
    succeeded(await substrate.clusterUp());
    const old = [...runningComponents(dirOf(substrate)).values()];
    const aside = newSubstrate("moved");
    renameSync(substrate.stateDir, aside.stateDir);
    expect((await aside.probe()).cluster).toMatchObject({ state: "broken", problem: "its folder was moved" });
    succeeded(await aside.clusterUp());
    expect(old.filter(isAlive)).toEqual([]);
    expect((await aside.probe()).cluster.state).toBe("healthy");
  });

  it("whose data is gone is another one, made anew", async () => {
    const substrate = newSubstrate();
    succeeded(await substrate.clusterUp());
    const { createdAs } = (await substrate.probe()).cluster;
    await leaveMark(substrate);
    for (const component of components) await kill(substrate, component);
    rmSync(join(dirOf(substrate), "etcd"), { recursive: true });
    const lost = (await substrate.probe()).cluster;
    expect(lost).toMatchObject({ state: "broken", problem: "its data is gone" });
    expect(lost.createdAs).not.toBe(createdAs);
    succeeded(await substrate.clusterUp(lost.generation));
    expect((await substrate.probe()).cluster).toEqual({ ...lost, state: "healthy", problem: "" });
    expect(await markStatus(substrate)).toBe(404);
  });

  it("that another run is bringing up is waited for", async () => {
    const substrate = newSubstrate();
    const [a, b] = await Promise.all([substrate.clusterUp(5), substrate.clusterUp(5)]);
    expect(succeeded(a)).toBe(succeeded(b));
    expect(recordOf(substrate).startCount).toBe(1);
  });
});

it("lets a service log in as its account, and renews the login before it ends", async () => {
  const substrate = newSubstrate();
  succeeded(await substrate.clusterUp());
  const account = { namespace: "default", name: "default" };
  await substrate.facts({
    name: "guest",
    command: "node",
    args: [
      "-e",
      'require("node:http").createServer((_, answer) => answer.end(process.env.KUBE)).listen(process.env.PORT, "127.0.0.1")',
    ],
    env: { KUBE: "{login}", PORT: "{port:http}" },
    account,
    ports: { http: "auto" },
    ready: { url: "http://127.0.0.1:{port:http}/" },
  });
  const kubeconfig = statePaths.login(substrate.stateDir, account);
  expect(await username(kubeconfig)).toBe("system:serviceaccount:default:default");
  const token = statePaths.loginToken(substrate.stateDir, account);
  writeFileSync(token, "outdated");
  await until(() => readFileSync(token, "utf8") !== "outdated");
  expect(await username(kubeconfig)).toBe("system:serviceaccount:default:default");
});

async function username(kubeconfig: string): Promise<string> {
  const client = createClient(loadConfig({ kubeconfig }));
  return ownUsername(client).finally(() => client.transport.close());
}
