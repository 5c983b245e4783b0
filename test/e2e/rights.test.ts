/** Flights with the rights of a ServiceAccount, on a real API server with RBAC; the controller has few of its own. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { controllerMark } from "../../controller/airway/account.ts";
import type { KubeObject } from "../../controller/kube/object.ts";
import { freePort } from "../../local/ports.ts";
import { type Atc, type AtcOptions, startAtc } from "./support/atc.ts";
import { backend, echo } from "./support/flights.ts";
import { serviceAccount } from "./support/identity.ts";
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
    resourceNames: ["worker", "rich", "poor"],
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
  await world.close().finally(() => atc.kill("SIGTERM"));
});

const rbac = "rbac.authorization.k8s.io/v1";

async function account(name: string, home = namespace): Promise<void> {
  await world.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: home } });
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Gives an account of this file's namespace these rights there, and no others by this call. */
async function grant(name: string, ...rules: readonly Rule[]): Promise<void> {
  const metadata = { name, namespace };
  await world.apply({ apiVersion: rbac, kind: "Role", metadata, rules });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  await world.apply({ apiVersion: rbac, kind: "RoleBinding", metadata, roleRef, subjects });
}

const onConfigMaps = { apiGroups: [""], resources: ["configmaps"], verbs: [...read, ...write] };
const onDeployments = { apiGroups: ["apps"], resources: ["deployments"], verbs: [...read, ...write] };
const onSecret = (name: string) => ({ apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs: read });

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

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
    await world.applyInstance("Poor", "poor", { secret: "shared" });
    await world.condition(world.instanceRef("Poor", "poor"), saying("cannot"));
    expect(await world.client.get(world.deployment("poor"))).toBeUndefined();
    // Without a restart.
    await grant("poor", onDeployments, onSecret("shared"));
    await world.ready(world.instanceRef("Poor", "poor"));
    expect(hashOn(await world.get(world.deployment("poor")))).toBe(before);
  });
});
