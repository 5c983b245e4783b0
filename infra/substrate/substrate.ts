/**
 * What the demo stands on: a cluster, and beside or inside it Vault, External Secrets and the controller.
 *
 * Three ways give the same facts: `kind` (Docker), `local` (processes of this machine) and `existing` (any kubeconfig
 * context). The rest of the program reads this interface and does not know which one it stands on.
 */
import { local } from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { root } from "../paths.ts";

export interface Substrate {
  readonly cluster: Cluster;
  readonly vault: RunningVault;
  /** Ready when External Secrets reconciles and its CRDs are served. */
  readonly externalSecrets: pulumi.Resource;
  readonly controller: RunningController;
}

export interface Cluster {
  /** A kubeconfig file's content; secret. */
  readonly kubeconfig: pulumi.Output<string>;
  readonly provider: kubernetes.Provider;
  /**
   * The resource that takes every object of the cluster with it when it goes, so that `destroy` deletes one thing and
   * never waits for an API server that is gone. Undefined for a cluster that outlives the stack.
   */
  readonly lifetime: pulumi.Resource | undefined;
}

export interface RunningVault {
  /** Where this machine reaches it. Unknown until it answers, so nothing talks to it before. */
  readonly address: pulumi.Output<string>;
  /** Where External Secrets reaches it. */
  readonly addressForCluster: pulumi.Input<string>;
  readonly token: pulumi.Output<string>;
  /** Names its data: another value, and everything that was written is gone. */
  readonly instance: pulumi.Output<string>;
  /** What takes Vault's data with it when it goes. */
  readonly lifetime: pulumi.Resource;
}

export interface RunningController {
  /** Where metrics and health are served: an address of this machine, or of the cluster's network. */
  readonly address: pulumi.Output<string>;
  /** The namespace whose ConfigMaps it reads flights from. */
  readonly namespace: pulumi.Output<string>;
  /** Ready when the controller serves the Airway kind. */
  readonly ready: pulumi.Resource;
}

/** What the controller will be asked to do, which decides what it may do. */
export interface Wanted {
  /** The kinds that Airways define. */
  readonly served: readonly { readonly group: string; readonly plural: string }[];
  /** The namespaces in which flights may render. */
  readonly workNamespaces: readonly string[];
}

/**
 * A cluster that the stack makes itself.
 *
 * @param lifetime the Command that makes it and prints its kubeconfig
 * @param identity names the cluster and its data; another value is another cluster
 */
export function ownCluster(lifetime: local.Command, identity: pulumi.Input<string>) {
  const kubeconfig = pulumi.secret(lifetime.stdout);
  const provider = new kubernetes.Provider("kubernetes", {
    kubeconfig,
    // Not the Command's id: the engine (3.259) unloads a provider that follows a Command which is deleted before it is
    // replaced, and then cannot delete anything with it. Known beforehand, it makes previews exact, too.
    clusterIdentifier: identity,
    deleteUnreachable: true,
    enableSecretMutable: true,
    upsertExistingObjects: true,
  });
  return { kubeconfig, provider, lifetime };
}

/**
 * What has to be done in a cluster that outlives the stack, at the time when this resource is deleted: after all that
 * depends on it, before what it depends on. Nothing where the cluster goes.
 */
export function atLeaving(
  name: string,
  what: string,
  cluster: Cluster,
  dependsOn: readonly pulumi.Resource[] = [],
): pulumi.Resource[] {
  if (cluster.lifetime !== undefined) return [];
  const leave = new local.Command(
    name,
    {
      delete: `node scripts/leave.ts ${what}`,
      stdin: cluster.kubeconfig,
      dir: root,
      logging: local.Logging.Stderr,
      addPreviousOutputInEnv: false,
    },
    { dependsOn: [...dependsOn] },
  );
  return [leave];
}

/** What every object in the cluster is created with. Its dependencies come on top. */
export function inCluster(
  cluster: Cluster,
  dependsOn: readonly pulumi.Resource[] = [],
): pulumi.ComponentResourceOptions {
  return {
    provider: cluster.provider,
    ...(cluster.lifetime && { deletedWith: cluster.lifetime }),
    dependsOn: [...dependsOn],
  };
}
