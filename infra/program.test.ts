import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type ProgramRun, type Registered, runProgram } from "./runProgram.ts";
import { kubeconfigWith } from "./substrate/existing.ts";

const onKind = { substrate: "kind", controllerImage: "atc:1", secret: "s3cret" };
const onLocal = { substrate: "local", secret: "s3cret" };

/** How secrets look on the way to the engine; source: sdk/go/common/resource/plugin/rpc.go. */
const SECRET = "4dabf18193072939515e22adb298388d";
const isSecret = (value: unknown): boolean => value instanceof Object && SECRET in value;

type Rule = { resources: string[]; verbs: string[]; resourceNames?: string[] };

const inKubernetes = ({ type }: Registered): boolean => type.startsWith("kubernetes:");

/** All that a resource waits for, directly or not. */
function awaited(run: ProgramRun, name: string, type = ""): Set<string> {
  const seen = new Set<string>();
  const visit = (one: Registered): void => {
    for (const next of one.dependencies.filter(dependency => !seen.has(dependency))) {
      seen.add(next);
      for (const found of run.resources.filter(resource => resource.name === next)) visit(found);
    }
  };
  for (const start of run.resources.filter(one => one.name === name && one.type.includes(type))) visit(start);
  return seen;
}

/** As `awaited`, with types, and only what an option or an input names. */
const awaitedResources = (run: ProgramRun, name: string, type: string): string[] =>
  run.resources
    .filter(one => one.name === name && one.type === type)
    .flatMap(({ urns }) => urns)
    .map(urn => `${urn.split("::").at(-1)}: ${urn.split("::").at(-2)?.split("$").at(-1)}`);

const find = (run: ProgramRun, type: string): Registered => {
  const found = run.resources.find(resource => resource.type === type);
  if (!found) throw new Error(`no ${type} among ${run.resources.map(resource => resource.type).join(", ")}`);
  return found;
};

const releaseOf = (run: ProgramRun, name: string): Registered =>
  find({ ...run, resources: run.resources.filter(one => one.name === name) }, "kubernetes:helm.sh/v3:Release");

type Env = { name: string; value?: string; valueFrom?: unknown };
type Port = { name: string; port: number; targetPort: string };
type Container = { env: Env[]; ports: { name: string; containerPort: number }[] };
type DeploymentSpec = { template: { spec: { containers: Container[] } } };

describe.each([onLocal, onKind])("the program on $substrate", config => {
  const { substrate } = config;
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(config);
  });

  it("gives every object in the cluster the explicit provider, and the cluster's lifetime", () => {
    const objects = run.resources.filter(inKubernetes);
    expect(objects.length).toBeGreaterThan(6);
    for (const { name, provider, deletedWith } of objects)
      expect({ name, provider, deletedWith }).toEqual({
        name,
        provider: expect.stringContaining("pulumi:providers:kubernetes::kubernetes::"),
        deletedWith: "cluster",
      });
  });

  it("lets the Backend wait for all that its flight needs", () => {
    const waits = awaited(run, "nginx", "examples.com/v1:Backend");
    for (const needed of ["backends", "vault-backend", "vault-token", "demo", "flight-backend"])
      expect(waits).toContain(needed);
    expect(waits).toContain(substrate === "local" ? "controller" : "atc");
    expect(waits).toContain("external-secrets");
  });

  it("waits for conditions of the store, the Airway and the Backend", () => {
    for (const type of ["external-secrets.io/v1:SecretStore", "yoke.cd/v1alpha1:Airway", "examples.com/v1:Backend"])
      expect(find(run, `kubernetes:${type}`).inputs).toMatchObject({
        metadata: { annotations: { "pulumi.com/waitFor": "condition=Ready" } },
      });
  });

  it("writes the value to Vault as a secret, and nowhere else", () => {
    expect(isSecret(find(run, "vault:kv/secretV2:SecretV2").inputs["dataJson"])).toBe(true);
    const others = run.resources.filter(({ type }) => type !== "vault:kv/secretV2:SecretV2");
    expect(JSON.stringify(others)).not.toContain("s3cret");
  });

  it("keeps tokens and the kubeconfig secret", async () => {
    expect(isSecret(find(run, "pulumi:providers:kubernetes").inputs["kubeconfig"])).toBe(true);
    expect(isSecret(find(run, "pulumi:providers:vault").inputs["token"])).toBe(true);
    expect(find(run, "kubernetes:core/v1:Secret").inputs["stringData"]).toSatisfy(isSecret);
    expect(run.resource("cluster").additionalSecretOutputs).toEqual(["stdout"]);
    const secrets = Object.entries(run.outputs).map(async ([name, output]) => [name, await pulumi.isSecret(output)]);
    expect(Object.fromEntries(await Promise.all(secrets))).toEqual({
      kubeconfig: true,
      vaultToken: true,
      vaultAddress: false,
      backend: false,
      controller: false,
    });
  });

  it("replaces the secret when Vault has lost it, without then deleting it", () => {
    const secret = find(run, "vault:kv/secretV2:SecretV2");
    expect(secret.retainOnDelete).toBe(true);
    expect(secret.replacementTrigger).toBe(substrate === "local" ? "data-1" : "vault-instance-1");
    expect(secret.deletedWith).toBe("vault");
  });

  it("replaces the cluster before it makes another of the same name", () => {
    const cluster = run.resource("cluster");
    expect(cluster.deleteBeforeReplace).toBe(true);
    // The provider, and with it all objects, is replaced exactly when the cluster is; and it does not wait for the
    // Command to tell so, as the engine could then not delete the old objects.
    const { clusterIdentifier } = find(run, "pulumi:providers:kubernetes").inputs;
    expect(cluster.inputs["triggers"]).toEqual([clusterIdentifier]);
  });

  it("grants no wildcard, Secrets only where flights render, and of its own only those it names", () => {
    const rulesOf = (kind: string) =>
      run.resources
        .filter(({ type }) => type === `kubernetes:rbac.authorization.k8s.io/v1:${kind}`)
        .map(({ inputs }) => inputs as { metadata: { namespace?: string }; rules: Rule[] });
    expect(JSON.stringify([rulesOf("ClusterRole"), rulesOf("Role")])).not.toContain("*");
    const withSecrets = (roles: ReturnType<typeof rulesOf>) =>
      roles.flatMap(({ metadata, rules }) =>
        rules
          .filter(({ resources }) => resources.includes("secrets"))
          .map(({ verbs, resourceNames }) => ({ namespace: metadata.namespace, verbs, names: resourceNames })),
      );
    expect(withSecrets(rulesOf("ClusterRole"))).toEqual([]);
    const readable = withSecrets(rulesOf("Role")).filter(({ verbs }) => verbs.some(verb => verb !== "create"));
    expect(Object.fromEntries(readable.map(({ namespace = "", names = [] }) => [namespace, names]))).toEqual({
      atc: ["atc-tls", "atc-keys"],
      default: [],
    });
    const changing = rulesOf("ClusterRole")
      .flatMap(({ rules }) => rules)
      .filter(({ verbs }) => verbs.includes("delete"));
    expect(changing.map(({ resources, resourceNames }) => [resources, resourceNames])).toEqual([
      [
        ["customresourcedefinitions"],
        ["airways.yoke.cd", "flights.yoke.cd", "clusterflights.yoke.cd", "backends.examples.com"],
      ],
      [["validatingwebhookconfigurations"], ["atc-airway", "atc-flight", "atc-resources", "backends.examples.com"]],
    ]);
  });

  it("starts the controller with all its rights, and takes them away after it", () => {
    const [name, type] =
      substrate === "local" ? ["controller", "command:local:Command"] : ["atc", "kubernetes:apps/v1:Deployment"];
    for (const binding of ["atc", "atc-flights", "atc-default"])
      expect(awaitedResources(run, name, type)).toContain(
        `${binding}: kubernetes:rbac.authorization.k8s.io/v1:${binding === "atc" ? "ClusterRoleBinding" : "RoleBinding"}`,
      );
  });

  it("names the flight by its content, and tells the controller its checksum", () => {
    const bundle = run.resource("flight-backend").inputs as { metadata: { name: string }; immutable: boolean };
    const airway = find(run, "kubernetes:yoke.cd/v1alpha1:Airway").inputs as {
      spec: { wasmUrls: { flight: string; flightChecksum: string }; mode: string };
    };
    const { flight, flightChecksum } = airway.spec.wasmUrls;
    expect(bundle.immutable).toBe(true);
    expect(bundle.metadata.name).toBe(`flight-backend-${flightChecksum.slice(0, 12)}`);
    expect(flight).toBe(`configmap://atc/${bundle.metadata.name}/flight.js`);
    expect(airway.spec.mode).toBe("dynamic");
  });
});

describe("on local", () => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(onLocal);
  });

  it("gives each part the generation that the probe tells, so that a broken one is repaired", () => {
    for (const part of ["cluster", "vault", "external-secrets", "controller"])
      expect(run.resource(part).inputs["environment"]).toMatchObject({ SUBSTRATE_GENERATION: "1" });
  });

  it("starts External Secrets when its CRDs are served", () => {
    const waits = awaited(run, "external-secrets", "command:local:Command");
    for (const crd of ["externalsecrets", "secretstores"]) expect(waits).toContain(`${crd}.external-secrets.io`);
  });

  it("lets the configuration fix Vault's port, or the substrate choose it", async () => {
    const portOf = async (vaultPort: string) => {
      const stdin = (await runProgram({ ...onLocal, vaultPort })).resource("vault").inputs["stdin"];
      return JSON.parse((stdin as { value: string }).value).ports.http;
    };
    expect(await portOf("8300")).toBe(8300);
    expect(await portOf("0")).toBe("auto");
  });

  it("takes the flight that leaves the Secret alone in mode subscription", async () => {
    const codeOf = async (mode: string) =>
      (await runProgram({ ...onLocal, mode })).resource("flight-backend").inputs["data"];
    expect(await codeOf("subscription")).not.toEqual(await codeOf("dynamic"));
  });
});

describe("on kind", () => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(onKind);
  });

  it("pins charts, and takes them from a mirror or a path", async () => {
    const chartOf = async (config: Record<string, string>) =>
      releaseOf(await runProgram({ ...onKind, ...config }), "vault").inputs;
    expect(await chartOf({})).toMatchObject({
      chart: "vault",
      version: "0.34.1",
      repositoryOpts: { repo: "https://helm.releases.hashicorp.com" },
    });
    expect(await chartOf({ vaultChart: "oci://mirror.example/charts/vault" })).toMatchObject({
      chart: "oci://mirror.example/charts/vault",
      version: "0.34.1",
    });
    const local = await chartOf({ vaultChart: "charts/vault", vaultImage: "mirror.example/vault:2.0.4" });
    expect(local["chart"]).toMatch(/^\/.*\/charts\/vault$/);
    expect(local["repositoryOpts"]).toBeUndefined();
    expect(local["values"]).toMatchObject({ server: { image: { repository: "mirror.example/vault", tag: "2.0.4" } } });
  });

  it("uninstalls no release from a cluster that goes, or is gone already", () => {
    for (const release of ["vault", "external-secrets"]) expect(releaseOf(run, release).retainOnDelete).toBe(true);
  });

  it("makes Vault restart with its settings, and be awaited", () => {
    expect(releaseOf(run, "vault").inputs["values"]).toMatchObject({
      server: { updateStrategyType: "RollingUpdate", service: { type: "NodePort", nodePort: 30820 } },
    });
  });

  it("loads the image again into another cluster", () => {
    expect(run.resource("controller-image-in-kind").inputs["triggers"]).toEqual(["atc:1", "cluster-id"]);
  });

  it("loads the images that nodes cannot pull before anything needs them", async () => {
    const loading = await runProgram({ ...onKind, loadImages: "nginx:1.29,mirror.example/vault:2.0.4" });
    expect(loading.resource("images-in-kind").inputs["environment"]).toMatchObject({
      IMAGES: "nginx:1.29,mirror.example/vault:2.0.4",
    });
    for (const pods of ["vault", "external-secrets", "nginx"])
      expect(awaited(loading, pods, "kubernetes:")).toContain("images-in-kind");
  });

  it("runs two replicas, of which one is there at any time, and the Service before them", () => {
    const deployment = find(run, "kubernetes:apps/v1:Deployment");
    expect(deployment.dependencies).toContain("atc");
    expect(deployment.inputs["spec"]).toMatchObject({
      replicas: 2,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } },
    });
    expect(find(run, "kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]).toMatchObject({ maxUnavailable: 1 });
    // Pulumi would wait for its pods, which come later.
    expect(find(run, "kubernetes:core/v1:Service").inputs).toMatchObject({
      metadata: { annotations: { "pulumi.com/skipAwait": "true" } },
    });
  });

  it("leads the API server to the webhooks, and tells each replica who it is", () => {
    const { spec } = find(run, "kubernetes:apps/v1:Deployment").inputs as { spec: DeploymentSpec };
    const [container] = spec.template.spec.containers;
    const env = Object.fromEntries(
      container?.env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]) ?? [],
    );
    expect(env).toMatchObject({
      SVC_NAME: "atc",
      SVC_NAMESPACE: { fieldRef: { fieldPath: "metadata.namespace" } },
      LEADER_ID: { fieldRef: { fieldPath: "metadata.name" } },
    });
    const { ports } = find(run, "kubernetes:core/v1:Service").inputs["spec"] as { ports: Port[] };
    const target = ports.find(({ port }) => port === 443)?.targetPort;
    const served = container?.ports.find(({ name }) => name === target)?.containerPort;
    expect(String(served)).toBe(env["PORT"]);
  });
});

/** A kubeconfig with paths beside it, content beside paths, and another cluster's login. */
const document = {
  "current-context": "other",
  contexts: [
    { name: "mine", context: { cluster: "c", user: "me", namespace: "n" } },
    { name: "other", context: { cluster: "d", user: "you" } },
  ],
  clusters: [
    { name: "c", cluster: { server: "https://c.example", "certificate-authority": "ca.crt" } },
    { name: "d", cluster: { server: "https://d.example" } },
  ],
  users: [
    {
      name: "me",
      user: {
        "client-certificate": "me.crt",
        "client-certificate-data": "aW5saW5l",
        "client-key": "me.key",
        tokenFile: "token",
      },
    },
    { name: "you", user: { token: "t0ken" } },
  ],
};

describe("on existing", () => {
  const folder = mkdtempSync(join(tmpdir(), "existing-"));
  const kubeconfig = join(folder, "config");
  const onExisting = {
    substrate: "existing",
    kubeconfig,
    kubeContext: "mine",
    controllerImage: "registry.example/atc:1",
    vaultAddress: "http://10.0.0.5:30820",
    secret: "s3cret",
  };
  beforeAll(() => {
    writeFileSync(kubeconfig, stringify(document));
    for (const file of ["ca.crt", "me.crt", "me.key"]) writeFileSync(join(folder, file), `content of ${file}`);
  });

  it("refuses a context that is not named, not there, or in no readable file", async () => {
    const refusal = (config: Record<string, string>) =>
      runProgram({ ...onExisting, ...config }).then(
        () => "none",
        (error: Error) => error.message,
      );
    expect(await refusal({ kubeContext: "" })).toMatch(/the kubeconfig has: mine, other\n.*INFRA_CONTEXT_UNNAMED/s);
    expect(await refusal({ kubeContext: "nope" })).toMatch(/which has: mine, other\n.*INFRA_CONTEXT_UNKNOWN/s);
    expect(await refusal({ kubeconfig: join(folder, "nope") })).toMatch(/ENOENT.*INFRA_KUBECONFIG_UNREADABLE/s);
    writeFileSync(join(folder, "broken"), "users: [{token: t0ken");
    const broken = await refusal({ kubeconfig: join(folder, "broken") });
    expect(broken).toMatch(/it is not YAML.*INFRA_KUBECONFIG_UNREADABLE/s);
    expect(broken).not.toContain("t0ken");
    for (const key of ["controllerImage", "vaultAddress"])
      expect(await refusal({ [key]: "" })).toMatch(new RegExp(`config ${key} is empty.*INFRA_CONFIG_MISSING`, "s"));
  });

  it("keeps the context's own cluster and login, with the content of their files", () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    expect(JSON.parse(kubeconfigWith("mine", kubeconfig))).toEqual({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "mine",
      contexts: [document.contexts[0]],
      clusters: [
        {
          name: "c",
          cluster: { server: "https://c.example", "certificate-authority-data": base64("content of ca.crt") },
        },
      ],
      users: [
        {
          name: "me",
          user: {
            "client-certificate-data": "aW5saW5l",
            "client-key-data": base64("content of me.key"),
            tokenFile: join(folder, "token"),
          },
        },
      ],
    });
  });

  it("takes over nothing that is there already, and leaves nothing of its own", async () => {
    const run = await runProgram(onExisting);
    const provider = find(run, "pulumi:providers:kubernetes").inputs;
    expect(provider).toMatchObject({ context: "mine" });
    expect(provider["upsertExistingObjects"]).not.toBe("true");
    const namespaces = run.resources.filter(({ type }) => type === "kubernetes:core/v1:Namespace");
    expect(namespaces.map(({ name }) => name).sort()).toEqual(["atc", "external-secrets", "vault"]);
    const releases = run.resources.filter(({ type }) => type === "kubernetes:helm.sh/v3:Release");
    for (const { name, inputs, dependencies, retainOnDelete } of releases) {
      expect(inputs).toMatchObject({ namespace: name });
      expect(inputs).not.toHaveProperty("createNamespace");
      expect(dependencies).toContain(name);
      expect(retainOnDelete).toBe(false);
    }
  });

  it("lets objects go before they are deleted, and sweeps after the controller", async () => {
    const run = await runProgram(onExisting);
    const { inputs, dependencies } = run.resource("atc-objects");
    expect(inputs["delete"]).toContain("before backends.examples.com");
    expect(inputs["stdin"]).toSatisfy(isSecret);
    expect(dependencies).toEqual(expect.arrayContaining(["nginx", "backends"]));
    for (const type of ["apps/v1:Deployment", "rbac.authorization.k8s.io/v1:ClusterRole"])
      expect(awaited(run, "atc", type)).toContain("atc-remains");
    expect((await runProgram(onKind)).resources.map(({ name }) => name)).not.toContain("atc-remains");
  });
});

describe("bad configuration", () => {
  it("ends the program with the key, the value and what is allowed, and without a stack trace", async () => {
    const run = runProgram({ substrate: "podman" });
    await expect(run).rejects.toThrow('config substrate is "podman"; allowed: kind, local, existing');
    await expect(run).rejects.toSatisfy(pulumi.RunError.isInstance);
  });
});
