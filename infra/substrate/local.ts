/**
 * The embedded substrate: a real API server with simulated nodes, and beside it Vault, External Secrets and the
 * controller, all as processes of this machine. local/cli.ts starts and stops them; here they are resources.
 */
import { createHash } from "node:crypto";
import { local } from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { createdAsVariable, generationVariable } from "../../local/generation.ts";
import type { Probe } from "../../local/probe.ts";
import { controllerService, externalSecretsService, vaultService } from "../../local/services.ts";
import type { ServiceDeclaration, ServiceFacts } from "../../local/supervisor/spec.ts";
import type { Settings } from "../config.ts";
import { controllerAccount } from "../controllerAccount.ts";
import { ExternalSecretsCrds } from "../externalSecretsCrds.ts";
import { root } from "../paths.ts";
import { sourceHash } from "../sources.ts";
import { type Cluster, inCluster, ownCluster, type Substrate, type Wanted } from "./substrate.ts";

export function localSubstrate(settings: Settings, wanted: Wanted): Substrate {
  const state = `.state/${settings.stack}`;
  const probe = probeOf(state);
  const cluster = embeddedCluster(settings, state, probe);
  const services = new Services(state, probe);
  const login = digestOf(cluster);
  const { vaultPort, vaultToken } = settings;

  const vault = services.up(
    "vault",
    vaultToken.apply(rootToken => vaultService({ port: vaultPort === 0 ? "auto" : vaultPort, rootToken })),
  );
  const crds = new ExternalSecretsCrds("external-secrets", inCluster(cluster));
  const externalSecrets = services.up(
    "external-secrets",
    login.apply(digest => ({ ...externalSecretsService(), digest })),
    [crds],
  );
  const namespace = new kubernetes.core.v1.Namespace("atc", { metadata: { name: "atc" } }, inCluster(cluster));
  const account = controllerAccount("atc", { ...wanted, namespace: namespace.metadata.name }, inCluster(cluster));
  const controller = services.up(
    "controller",
    pulumi.all([login, account.uid]).apply(identity =>
      controllerService({
        account: { namespace: "atc", name: "atc" },
        digest: sourceHash(controllerSources, identity.join()),
      }),
    ),
    [cluster.lifetime, ...account.rights],
  );

  return {
    cluster,
    vault: {
      address: vault.facts.address,
      addressForCluster: vault.facts.address,
      token: vaultToken,
      instance: vault.facts.instance,
      lifetime: vault.command,
    },
    externalSecrets: externalSecrets.command,
    controller: {
      address: controller.facts.address,
      namespace: namespace.metadata.name,
      ready: controller.command,
    },
  };
}

const command = { dir: root, logging: local.Logging.Stderr, addPreviousOutputInEnv: false } as const;

const controllerSources = ["controller", "lib", "package-lock.json"];

/**
 * Each part's generation stays the same while the part runs, and is another when it has to be repaired. As an input of
 * the part's Command it makes the next `up` do so, and the preview say so.
 */
const probeOf = (state: string): pulumi.Output<Probe> =>
  local
    .runOutput({ command: `node local/cli.ts probe --state ${state}`, dir: root, logging: local.Logging.None })
    .stdout.apply(line => JSON.parse(line) as Probe);

function embeddedCluster(
  { clusterName }: Settings,
  state: string,
  probe: pulumi.Output<Probe>,
): Cluster & { readonly lifetime: local.Command } {
  const createdAs = probe.apply(({ cluster }) => String(cluster.createdAs));
  // A cluster that lost its data is another one, in which everything has to be made anew.
  const identity = pulumi.interpolate`${clusterName}/${createdAs}`;
  const lifetime = new local.Command(
    "cluster",
    {
      ...command,
      create: `node local/cli.ts cluster up --name ${clusterName} --state ${state}`,
      delete: `node local/cli.ts cluster down --name ${clusterName} --state ${state}`,
      environment: {
        [generationVariable]: probe.apply(({ cluster }) => String(cluster.generation)),
        [createdAsVariable]: createdAs,
      },
      triggers: [identity],
    },
    { deleteBeforeReplace: true, additionalSecretOutputs: ["stdout"] },
  );
  return ownCluster(lifetime, identity);
}

/** Restarts a service when the cluster it logs in to is another, or answers elsewhere. */
const digestOf = (cluster: Cluster): pulumi.Output<string> =>
  pulumi.unsecret(cluster.kubeconfig.apply(text => createHash("sha256").update(text).digest("hex")));

interface RunningService {
  readonly command: local.Command;
  readonly facts: pulumi.OutputInstance<ServiceFacts> & pulumi.Lifted<ServiceFacts>;
}

/** Services under local/'s supervisor: one Command each. */
class Services {
  private readonly state: string;
  private readonly probe: pulumi.Output<Probe>;

  constructor(state: string, probe: pulumi.Output<Probe>) {
    this.state = state;
    this.probe = probe;
  }

  up(name: string, declaration: pulumi.Output<ServiceDeclaration>, dependsOn: pulumi.Resource[] = []): RunningService {
    const generation = this.probe.apply(({ services, absent }) => String((services[name] ?? absent).generation));
    const service = new local.Command(
      name,
      {
        ...command,
        create: `node local/cli.ts service up ${name} --state ${this.state} --spec -`,
        delete: `node local/cli.ts service down ${name} --state ${this.state}`,
        stdin: pulumi.jsonStringify(declaration),
        environment: { [generationVariable]: generation },
      },
      { dependsOn },
    );
    // Vault's declaration holds its token, which makes all that its Command answers secret; an address is none.
    const facts = pulumi.unsecret(service.stdout).apply(line => JSON.parse(line) as ServiceFacts);
    return { command: service, facts };
  }
}
