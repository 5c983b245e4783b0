/** The `atc` tool as its own process, against a real API server and a running controller. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { parse, stringify } from "yaml";
import type { KubeObject } from "../../controller/kube/object.ts";
import { type Atc, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, hashOf } from "./support/flights.ts";
import { type Ended, runAtc } from "./support/program.ts";
import { hashOn, World } from "./support/world.ts";

const kubeconfig = inject("kubeconfig");
const world = new World(kubeconfig, "cli");
const { namespace, group } = world;
const folder = mkdtempSync(join(tmpdir(), "atc-cli-"));
const airway = `backends.${group}`;
let atc: Atc;

beforeAll(async () => {
  atc = await startAtc({ kubeconfig });
  await world.open();
  await world.airway({ kind: "Backend", flight: backend, spec: { historyCapSize: 5 } });
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.close().finally(() => atc.kill("SIGTERM"));
});

/** In the test's namespace. */
function run(...args: string[]): Promise<Ended> {
  return runAtc([...args, "-n", namespace], { kubeconfig });
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await run(...args, "-o", "json");
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, unknown>;
}

function file(name: string, ...objects: unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, objects.map(object => (typeof object === "string" ? object : stringify(object))).join("---\n"));
  return path;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const hashWith = (value: string) => hashOf({ hello: base64(value) });

function secret(name: string, value: string): KubeObject {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData: { hello: value } };
}

function instance(name: string, spec: Record<string, unknown> = {}): KubeObject {
  return { apiVersion: `${group}/v1`, kind: "Backend", metadata: { name, namespace }, spec };
}

/** A Backend that has rolled through these values of its Secret, each kept as a revision, and is rolled out. */
async function rolled(name: string, values: readonly string[]): Promise<void> {
  for (const [at, value] of values.entries()) {
    await world.secret(name, value);
    if (at === 0) await world.instance("Backend", name);
    await shows(name, value);
    await eventually(`revision ${at + 1} of ${name} is kept`, async () => {
      const { revisions } = await json("history", `backend/${name}`);
      expect(revisions).toHaveLength(at + 1);
    });
  }
  await world.ready(world.instanceRef("Backend", name));
}

function shows(name: string, value: string): Promise<void> {
  return eventually(`Deployment ${name} follows ${value}`, async () =>
    expect(hashOn(await world.get(world.deployment(name)))).toBe(hashWith(value)),
  );
}

describe("atc why", () => {
  it("names the cause, what it changed and how the objects are; for whatever the release made", async () => {
    await rolled("why", ["first value", "second value"]);
    const { metadata } = await world.get(world.ref("v1", "Secret", "why"));
    for (const object of ["backend/why", "deployment/why"]) {
      const { status, stdout } = await run("why", object);
      expect(stdout).toContain(`Backend ${namespace}/why\n  Ready: True`);
      expect(stdout).toContain(
        `because   Secret ${namespace}/why updated (resourceVersion ${metadata.resourceVersion})`,
      );
      expect(stdout).toMatch(new RegExp(`Secret ${namespace}/why: key hello changed, \\S+ → \\S+`));
      expect(stdout).toContain(`changed   Deployment ${namespace}/why (changed): spec.template`);
      expect(stdout).toMatch(new RegExp(`1 +Deployment ${namespace}/why +ready`));
      expect(stdout).not.toContain("value");
      expect(status).toBe(0);
    }
  });

  it("says the same to machines", async () => {
    await rolled("machine", ["first value"]);
    const told = await json("why", airway, "machine");
    expect(told).toMatchObject({
      owner: { kind: "Backend", namespace, name: "machine" },
      flight: expect.stringMatching(/^sha256:/),
      rolls: [{ changes: [{ kind: "Deployment", why: "missing" }] }],
      objects: [{ kind: "Deployment", stage: 1, ready: true }],
      lookups: [{ kind: "Secret", name: "machine" }],
    });
    const { stdout } = await run("why", airway, "machine", "-o", "yaml");
    expect(parse(stdout)).toEqual(told);
  });
});

describe("atc history, diff and rollback", () => {
  it("show the states, put one back and keep it, and let the release go on", async () => {
    await rolled("back", ["first value", "second value"]);
    const { stdout } = await run("history", "backend/back");
    expect(stdout).toMatch(
      /NUMBER +NAME +CREATED +OBJECTS +MODULE +CAUSE\n2 \(active\) +yoke\..*updated.*\n1 +yoke\..*created/,
    );

    const compared = await run("diff", "backend/back", "--revision", "1", "2");
    expect(compared.stdout).toContain(
      `-        e2e/hash: ${hashWith("first value")}\n+        e2e/hash: ${hashWith("second value")}`,
    );
    expect(compared.status).toBe(1);

    const unasked = await run("rollback", "backend/back");
    expect(unasked.stderr).toContain(`+        e2e/hash: ${hashWith("first value")}`);
    expect(unasked.stderr).toContain("CLI_NOT_CONFIRMED");
    expect(unasked.status).toBe(1);
    await shows("back", "second value");

    expect(await run("rollback", "backend/back", "-y")).toMatchObject({ status: 0 });
    await shows("back", "first value");
    const pinned = await run("diff", "backend/back");
    expect(pinned.stdout).toContain(`+        e2e/hash: ${hashWith("second value")}`);
    expect(pinned.status).toBe(1);

    expect(await run("rollback", "backend/back", "--undo")).toMatchObject({ status: 0 });
    await shows("back", "second value");
    expect(await run("diff", "backend/back")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("show what was edited by hand", async () => {
    await world.secret("edited", "first value");
    await world.instance("Backend", "edited", { label: "red" });
    const merge = { metadata: { labels: { color: "blue" } } };
    await world.merge(world.airwayRef(airway), { spec: { mode: "standard" } });
    await world.ready(world.airwayRef(airway));
    await atc.idle();
    await world.merge(world.deployment("edited"), merge);
    const { stdout, status } = await run("diff", "backend/edited");
    expect(stdout).toContain("-    color: blue\n+    color: red");
    expect(status).toBe(1);
    await world.merge(world.airwayRef(airway), { spec: { mode: "dynamic" } });
    await world.ready(world.airwayRef(airway));
  });

  it("refuse a revision that is not kept", async () => {
    await rolled("few", ["only value"]);
    const missing = await run("rollback", "backend/few", "9");
    expect(missing.stderr).toMatch(/has no revision "9"; it has 1 \(yoke\..*\n.*CLI_REVISION_UNKNOWN/);
    expect(await run("rollback", "backend/few")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("CLI_NOTHING_BEFORE"),
    });
    expect(await run("diff", "backend/few", "--revision", "9")).toMatchObject({ status: 2 });
  });
});

describe("atc preview", () => {
  it("shows who would roll when a Secret changes, and changes nothing", async () => {
    await world.secret("shared", "old value");
    for (const name of ["one", "two"]) await world.instance("Backend", name, { secret: "shared" });
    await world.instance("Backend", "apart");
    const { status, stdout } = await run("preview", "-f", file("secret.yaml", secret("shared", "new value")));
    for (const name of ["one", "two"]) expect(stdout).toContain(`Deployment ${namespace}/${name} would change`);
    expect(stdout).toContain(`+        e2e/hash: ${hashWith("new value")}`);
    expect(stdout).not.toContain("apart");
    expect(stdout).toContain("2 releases would be rendered again: 2 would change.");
    expect(stdout).not.toMatch(/new value|old value/);
    expect(status).toBe(0);
    await shows("one", "old value");
  });

  it("tries a changed instance and another flight, and fails when a render would", async () => {
    await world.instance("Backend", "tried");
    const bigger = await run("preview", "-f", file("cr.yaml", instance("tried", { replicas: 3 })), "-o", "json");
    expect(JSON.parse(bigger.stdout)).toMatchObject([
      { owner: { name: "tried" }, changes: [{ change: "update", paths: ["spec.replicas"] }] },
    ]);
    const failing = file("flight.js", 'export default () => { throw new Error("no such luck"); };');
    const { status, stdout } = await run("preview", "--airway", airway, "--flight", failing);
    expect(stdout).toContain(
      `Backend ${namespace}/tried: its render would fail\n  the flight failed: Error: no such luck`,
    );
    expect(status).toBe(1);
    expect((await world.get(world.deployment("tried")))["spec"]).toMatchObject({ replicas: 1 });
  });
});

describe("atc render", () => {
  const offline = (args: readonly string[], stdin = "") =>
    runAtc(["render", ...args], { kubeconfig: undefined, stdin });

  async function definition(): Promise<string> {
    const { apiVersion, kind, metadata, ...rest } = await world.get(world.airwayRef(airway));
    return file("airway.yaml", { apiVersion, kind, metadata: { name: metadata.name }, spec: rest["spec"] });
  }

  it("renders without a cluster what it is given, and hides what Secrets hold", async () => {
    const flight = file("backend.js", backend);
    const args = ["-f", await definition(), "-f", "-", "--flight", flight];
    const cr = stringify(instance("plain", { emitSecret: true }));
    const lookups = file("lookups.yaml", secret("plain", "a hidden value"));
    const { status, stdout, stderr } = await offline([...args, "--lookups", lookups], cr);
    expect(stderr).toBe("");
    const objects = stdout.split(/^---$/m).map(text => parse(text) as KubeObject);
    expect(objects.map(({ kind }) => kind)).toEqual(["Secret", "Deployment"]);
    expect(objects[0]?.["data"]).toEqual({ hello: expect.stringMatching(/^\(hidden, \S{8}\)$/) });
    expect(hashOn(objects[1] as KubeObject)).toBe(hashWith("a hidden value"));
    expect(status).toBe(0);

    const shown = await offline([...args, "--lookups", lookups, "--show-secrets", "-o", "json"], cr);
    expect(JSON.parse(shown.stdout)).toMatchObject([{ stages: [[{ data: { hello: base64("a hidden value") } }, {}]] }]);
    expect((await offline(args, cr)).stderr).toBe(`note: looked up and not found: Secret ${namespace}/plain\n`);
  });

  it("looks up in the cluster when asked to", async () => {
    await world.secret("live", "live value");
    const { stdout, stderr } = await run("render", "--live", "-f", file("live.yaml", instance("live")));
    expect(stderr).toBe("");
    expect(stdout).toContain(`e2e/hash: ${hashWith("live value")}`);
  });

  it("shows how a flight fails", async () => {
    const flight = file("failing.js", 'export default () => ({ exitCode: 3, stderr: "the image is missing" });');
    const { status, stderr } = await offline([
      "-f",
      await definition(),
      "-f",
      file("x.yaml", instance("x")),
      "--flight",
      flight,
    ]);
    expect(stderr).toMatch(/^atc: the flight exited with 3: the image is missing\n.*FLIGHT_EXIT/);
    expect(status).toBe(1);
  });
});

describe("wrong input", () => {
  it.each([
    [["why", "nothing/x"], "CLI_KIND_UNKNOWN"],
    [["why", "backend/absent"], "CLI_OBJECT_MISSING"],
    [["why", "configmap/flight-backends"], "CLI_NO_RELEASE"],
    [["why", "backend"], "CLI_USAGE"],
    [["preview", "--airway", "absent.example.com", "--flight", "x.js"], "CLI_OBJECT_MISSING"],
    [["preview", "-f", "/nonexistent.yaml"], "CLI_FILE_UNREADABLE"],
  ])("of %j is told with its code", async (args, code) => {
    const { status, stdout, stderr } = await run(...args);
    expect(stderr).toContain(`(${code}, see docs/errors.md)`);
    expect([status, stdout]).toEqual([1, ""]);
  });

  it("is told where it is in a file, without quoting it", async () => {
    const broken = file("broken.yaml", "a: b\n  password: [hunter2\n");
    const { status, stderr } = await run("preview", "-f", broken);
    expect(stderr).toMatch(/broken\.yaml: .* at line 1, column 4\n.*CLI_FILE_INVALID/);
    expect(stderr).not.toContain("hunter2");
    expect(status).toBe(1);
  });

  it("is no cluster to ask", async () => {
    const none = await runAtc(["why", "backend/x"], { kubeconfig: undefined });
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining("KUBE_CONFIG_NONE") });
    const gone = file("gone.yaml", {
      ...{ apiVersion: "v1", kind: "Config", "current-context": "gone" },
      contexts: [{ name: "gone", context: { cluster: "gone" } }],
      clusters: [{ name: "gone", cluster: { server: "http://127.0.0.1:1" } }],
    });
    const silent = await runAtc(["diff", "backend/x", "--kubeconfig", gone], { kubeconfig });
    expect(silent).toMatchObject({ status: 2, stderr: expect.stringContaining("KUBE_UNAVAILABLE") });
  });
});

it("without a command tells of the commands to kubectl users, and of the settings to who runs the controller", async () => {
  const plugin = join(folder, "kubectl-atc");
  symlinkSync(resolve(import.meta.dirname, "../../controller/main.ts"), plugin);
  const options = { kubeconfig: undefined };
  expect((await runAtc([], { ...options, program: plugin })).stdout).toMatch(/^Usage: kubectl atc \[command\]/);
  expect((await runAtc(["--help"], options)).stdout).toMatch(/^Usage: atc \[command\]/);
  expect((await runAtc(["run", "--help"], options)).stdout).toContain("--metrics-address");
});
