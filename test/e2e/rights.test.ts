/** Flights with the rights of a ServiceAccount, on a real API server with RBAC; the controller has few of its own. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { controllerMark } from "../../controller/airway/account.ts";
import { createClient } from "../../controller/kube/client.ts";
import { loadConfig } from "../../controller/kube/config.ts";
import type { KubeObject } from "../../controller/kube/object.ts";
import { freePort } from "../../local/ports.ts";
import { type Atc, type AtcOptions, startAtc } from "./support/atc.ts";
import { eventually } from "./support/eventually.ts";
import { backend, echo, hashOf } from "./support/flights.ts";
import { serviceAccount } from "./support/identity.ts";
import { runAtc } from "./support/program.ts";
import { hashOn, World } from "./support/world.ts";

const world = new World(inject("kubeconfig"), "rights");
const { namespace, group } = world;
let options: AtcOptions;
let atc: Atc;

const read = ["get", "list", "watch"];
const write = ["create", "patch", "update", "delete"];

/** What the controller needs for itself: nothing of what flights render or look up. */
const controllerRules = [
  { apiGroups: ["yoke.cd"], resources: ["airways", "flights", "clusterflights"], verbs: [...read, "patch"] },
  { apiGroups: ["yoke.cd"], resources: ["airways/status", "flights/status"], verbs: ["patch"] },
  { apiGroups: ["yoke.cd"], resources: ["airways/finalizers", "flights/finalizers"], verbs: ["update"] },
  { apiGroups: ["apiextensions.k8s.io"], resources: ["customresourcedefinitions"], verbs: [...read, ...write] },
  { apiGroups: [group], resources: ["*"], verbs: [...read, "patch", "update"] },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["validatingwebhookconfigurations"],
    verbs: [...read, ...write],
  },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: read },
  { apiGroups: [""], resources: ["secrets"], verbs: [...read, ...write] },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  {
    apiGroups: [""],
    resources: ["serviceaccounts"],
    resourceNames: ["worker", "rich", "poor", "nobody"],
    verbs: ["get", "impersonate"],
  },
  {
    apiGroups: ["authentication.k8s.io"],
    resources: [`userextras/${controllerMark.key}`],
    resourceNames: [controllerMark.value],
    verbs: ["impersonate"],
  },
];

beforeAll(async () => {
  const { kubeconfig } = await serviceAccount(inject("kubeconfig"), { name: "atc-rights", rules: controllerRules });
  const port = String(await freePort(new Set()));
  options = { kubeconfig, env: { PORT: port, WEBHOOK_URL: `https://127.0.0.1:${port}` } };
  atc = await startAtc(options);
  await world.open();
  for (const name of ["worker", "rich", "poor"]) await account(name);
});

afterAll(async () => {
  // What a release made goes with the rights of its account.
  const all = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
  for (const name of ["worker", "rich", "poor"]) await grant(name, all);
  await world.close().finally(() => atc.kill("SIGTERM"));
});

const rbac = "rbac.authorization.k8s.io/v1";
const admission = "admissionregistration.k8s.io";
const crds = "apiextensions.k8s.io/v1";

async function account(name: string, home = namespace): Promise<void> {
  await world.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: home } });
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Gives an account these rights in its namespace, and takes away those of the call before. */
async function grantIn(home: string, name: string, ...rules: readonly Rule[]): Promise<void> {
  const metadata = { name, namespace: home };
  await world.apply({ apiVersion: rbac, kind: "Role", metadata, rules });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
  const subjects = [{ kind: "ServiceAccount", name, namespace: home }];
  await world.apply({ apiVersion: rbac, kind: "RoleBinding", metadata, roleRef, subjects });
}

const grant = (name: string, ...rules: readonly Rule[]) => grantIn(namespace, name, ...rules);

/** Resolves when the API server, which hears of rights a moment later, does not allow this any more. */
function lost(home: string, name: string, resourceAttributes: Readonly<Record<string, string>>): Promise<void> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    metadata: { name: "" },
    spec: { user: `system:serviceaccount:${home}:${name}`, resourceAttributes },
  };
  return eventually(`${name} has lost its rights`, async () => {
    const { status } = await world.client.create(review, { fieldManager: "e2e" });
    expect(status).toMatchObject({ allowed: false });
  });
}

/** A kubeconfig as a pod of the account has it. */
async function tokenOf(name: string): Promise<string> {
  // A ClusterRole without rules besides.
  return (await serviceAccount(inject("kubeconfig"), { name, namespace, rules: [] })).kubeconfig;
}

const onConfigMaps = { apiGroups: [""], resources: ["configmaps"], verbs: [...read, ...write] };
const onDeployments = { apiGroups: ["apps"], resources: ["deployments"], verbs: [...read, ...write] };
const onSecret = (name: string) => ({ apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs: read });

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

const saying = (words: string) => (condition: { readonly status: string; readonly message: string }) =>
  condition.status === "False" && condition.message.includes(words);

describe("a flight with an account", () => {
  it("applies what the account may, though the controller may not", async () => {
    await grant("worker", onConfigMaps);
    await world.airway({ kind: "Worker", flight: echo, spec: { serviceAccountName: "worker" } });
    await world.instance("Worker", "able", { stages: [[configMap("able", { a: "1" })]] });
    await world.instance("Worker", "able", { stages: [[configMap("able", { a: "2" })]] });
    expect((await world.get(world.configMap("able")))["data"]).toEqual({ a: "2" });
    await world.instance("Worker", "able", { stages: [] });
    expect(await world.client.get(world.configMap("able"))).toBeUndefined();
  });

  it("sees a Secret that it may see, and not what another one's watch tells", async () => {
    await grant("rich", onDeployments, onSecret("shared"));
    await grant("poor", onDeployments);
    await world.secret("shared", "one");
    await world.airway({ kind: "Rich", flight: backend, spec: { serviceAccountName: "rich" } });
    const poor = { serviceAccountName: `${namespace}/poor` };
    await world.airway({ kind: "Poor", flight: backend, spec: poor });
    await world.instance("Rich", "rich", { secret: "shared" });
    const before = hashOn(await world.get(world.deployment("rich")));
    await expect(world.applyInstance("Poor", "poor", { secret: "shared" })).rejects.toThrow(/denied.*rights:poor/);
    await world.airway({ kind: "Poor", flight: backend, spec: { ...poor, skipAdmissionWebhook: true } });
    // The API server hears of a changed configuration some moments after the controller has written it.
    await eventually("nobody asks any more", () => world.applyInstance("Poor", "poor", { secret: "shared" }));
    await world.condition(world.instanceRef("Poor", "poor"), saying("cannot"));
    expect(await world.client.get(world.deployment("poor"))).toBeUndefined();
    // Without a restart.
    await grant("poor", onDeployments, onSecret("shared"));
    await world.ready(world.instanceRef("Poor", "poor"));
    expect(hashOn(await world.get(world.deployment("poor")))).toBe(before);
  });

  it("loses nothing when its Airway names another account", async () => {
    await grant("rich", onDeployments, onSecret("moving"));
    await grant("worker", onConfigMaps, onDeployments, onSecret("moving"));
    await world.secret("moving", "one");
    const kind = "Moving";
    const name = await world.airway({ kind, flight: backend, spec: { serviceAccountName: "rich" } });
    await world.instance(kind, "moving", { secret: "moving" });
    await world.merge(world.airwayRef(name), { spec: { serviceAccountName: "worker" } });
    await world.secret("moving", "two");
    await eventually("the second value is rolled", async () => {
      expect(hashOn(await world.get(world.deployment("moving")))).toBe(hashOf({ hello: base64("two") }));
    });
    // Nothing depends on the former account any more.
    await grant("rich", onDeployments);
    await atc.idle();
    await world.secret("moving", "three");
    await eventually("the third value is rolled", async () => {
      expect(hashOn(await world.get(world.deployment("moving")))).toBe(hashOf({ hello: base64("three") }));
    });
  });

  it("in static mode may write what pods of that account may not", async () => {
    await grant("worker", onConfigMaps);
    await world.airway({ kind: "Fixed", flight: echo, spec: { serviceAccountName: "worker", mode: "static" } });
    await world.instance("Fixed", "fixed", { stages: [[configMap("fixed", { a: "1" })]] });
    const pod = createClient(loadConfig({ kubeconfig: await tokenOf("worker") }));
    try {
      const change = pod.patch(world.configMap("fixed"), { data: { a: "9" } }, { type: "merge", fieldManager: "pod" });
      await expect(change).rejects.toThrow("cannot modify flight sub-resources");
    } finally {
      await pod.transport.close();
    }
    await world.instance("Fixed", "fixed", { stages: [[configMap("fixed", { a: "2" })]] });
    expect((await world.get(world.configMap("fixed")))["data"]).toEqual({ a: "2" });
  });

  it("does not hold up the end of the namespace that its account goes with", async () => {
    const home = `${namespace}-ending`;
    await world.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: home } });
    await account("worker", home);
    await grantIn(home, "worker", onConfigMaps);
    await world.airway({ kind: "Ending", flight: echo, spec: { serviceAccountName: "worker" } });
    const metadata = { name: "ending", namespace: home };
    const spec = { stages: [[{ ...configMap("ending"), metadata: { name: "ending", finalizers: ["e2e/hold"] } }]] };
    await world.apply({ apiVersion: `${group}/v1`, kind: "Ending", metadata, spec });
    const ref = world.ref(`${group}/v1`, "Ending", "ending", home);
    await world.ready(ref);
    // The worst order: no rights are left when the instance ends.
    await world.delete(world.ref(rbac, "RoleBinding", "worker", home));
    await lost(home, "worker", { namespace: home, resource: "configmaps", verb: "delete" });
    await world.delete(ref);
    await world.condition(ref, saying("forbidden"));
    await world.delete(world.ref("v1", "Namespace", home, ""));
    await world.gone(ref);
    await world.merge(world.ref("v1", "ConfigMap", "ending", home), { metadata: { finalizers: null } });
    await world.gone(world.ref("v1", "Namespace", home, ""));
  });
});

describe("atc role", () => {
  it("prints all that a release needs of rights, and nothing wider", async () => {
    await grant("worker", onConfigMaps, onDeployments, onSecret("printed"));
    await world.secret("printed", "one");
    const kind = "Printed";
    const name = await world.airway({ kind, flight: backend, spec: { serviceAccountName: "worker" } });
    await world.instance(kind, "printed", { secret: "printed" });
    const args = ["role", name, "--account", `${namespace}/made`, "--controller", "default/atc-rights", "-o", "json"];
    const { stdout, stderr } = await runAtc(args, { kubeconfig: inject("kubeconfig") });
    expect(stderr).toBe("");
    expect(stdout).not.toContain("*");
    for (const object of (JSON.parse(stdout) as { items: KubeObject[] }).items) await world.apply(object);
    await world.merge(world.airwayRef(name), { spec: { serviceAccountName: `${namespace}/made` } });
    await world.ready(world.airwayRef(name));
    await world.secret("printed", "two");
    await eventually("the second value is rolled by the new account", async () => {
      expect(hashOn(await world.get(world.deployment("printed")))).toBe(hashOf({ hello: base64("two") }));
    });
  });
});

describe("missing rights", () => {
  it("are told of the Airway before anything is rendered, and heal when they are granted", async () => {
    await grant("poor");
    const matcher = `${namespace}/Secret:named`;
    const spec = { serviceAccountName: `${namespace}/poor`, resourceAccessMatchers: [matcher] };
    const name = await world.applyAirway({ kind: "Asking", flight: backend, spec });
    const airway = await world.condition(world.airwayRef(name), saying("RELEASE_RIGHTS_MISSING"));
    expect(JSON.stringify(airway["status"])).toContain(String.raw`\"resourceNames\":[\"named\"]`);
    await grant("poor", onSecret("named"));
    await world.ready(world.airwayRef(name));
  });

  it.each([
    ["nobody", "RELEASE_ACCOUNT_MISSING"],
    ["default", "RELEASE_IMPERSONATION_REFUSED"],
  ])("to act as account %s are told: %s", async (who, code) => {
    const spec = { serviceAccountName: `${namespace}/${who}` };
    const name = await world.applyAirway({ kind: `Of${who}`, flight: echo, spec });
    await world.condition(world.airwayRef(name), saying(code));
  });

  it("to register an Airway's webhooks are told; what is there goes on, what is new waits; both heal", async () => {
    const webhookRights = (verbs: readonly string[]) =>
      controllerRules.map(rule => (rule.apiGroups.includes(admission) ? { ...rule, verbs: [...verbs] } : rule));
    const grantController = (verbs: readonly string[]) =>
      serviceAccount(inject("kubeconfig"), { name: "atc-rights", rules: webhookRights(verbs) });
    const words = saying("cannot patch resource");
    await grant("worker", onConfigMaps);
    const spec = { serviceAccountName: "worker" };
    const former = await world.airway({ kind: "Guarded", flight: echo, spec });
    await world.instance("Guarded", "guarded", { stages: [[configMap("guarded", { a: "1" })]] });
    await grantController(read);
    await lost("default", "atc-rights", {
      group: admission,
      resource: "validatingwebhookconfigurations",
      verb: "patch",
    });
    await world.delete(world.webhooks(former));
    await world.condition(world.airwayRef(former), words);
    const next = await world.applyAirway({ kind: "Unguarded", flight: echo, spec });
    await world.condition(world.airwayRef(next), words);
    expect(await world.client.get(world.ref(crds, "CustomResourceDefinition", next, ""))).toBeUndefined();
    expect(await atc.metric("atc_webhook_configurations_unregistered")).toBe(2);
    expect((await atc.page("/readyz")).body).toContain("[+]webhooks ok: 2 could not be registered, see the log");
    await world.instance("Guarded", "guarded", { stages: [[configMap("guarded", { a: "2" })]] });
    await grantController([...read, ...write]);
    for (const name of [former, next]) {
      // After some failures the next attempt may be half a minute away.
      await world.ready(world.airwayRef(name), { timeoutMs: 90_000 });
      expect(await world.client.get(world.webhooks(name))).toBeDefined();
    }
    expect(await atc.metric("atc_webhook_configurations_unregistered")).toBe(0);
  });

  it("are told together before the first apply, and heal when they are granted", async () => {
    await grant("worker", onConfigMaps);
    const spec = { serviceAccountName: "worker", skipAdmissionWebhook: true };
    await world.airway({ kind: "Wanting", flight: echo, spec });
    const job = { apiVersion: "v1", kind: "Service", metadata: { name: "wanting" }, spec: { ports: [{ port: 80 }] } };
    const role = { apiVersion: rbac, kind: "Role", metadata: { name: "wanting" }, rules: [] };
    await world.applyInstance("Wanting", "wanting", { stages: [[configMap("wanting"), job, role]] });
    const ref = world.instanceRef("Wanting", "wanting");
    const told = await world.condition(ref, saying("RELEASE_RIGHTS_MISSING"));
    const words = JSON.stringify(told["status"]);
    expect(words).toContain("lacks rights on Service, Role.rbac.authorization.k8s.io");
    expect(words).not.toContain("configmaps");
    expect(await world.client.get(world.configMap("wanting"))).toBeUndefined();
    const all = [...read, ...write];
    await grant(
      "worker",
      onConfigMaps,
      { apiGroups: [""], resources: ["services"], resourceNames: ["wanting"], verbs: all },
      { apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"], resourceNames: ["wanting"], verbs: all },
    );
    await world.ready(ref);
  });
});
