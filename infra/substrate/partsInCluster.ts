/** Vault, External Secrets and the controller as pods: what `kind` and `existing` have in common. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../config.ts";
import { Controller } from "../controller.ts";
import { ExternalSecrets } from "../externalSecrets.ts";
import { Vault } from "../vault.ts";
import { atLeaving, type Cluster, inCluster, type Substrate, type Wanted } from "./substrate.ts";

export function partsInCluster(
  settings: Settings,
  wanted: Wanted,
  cluster: Cluster,
  controllerImage: pulumi.Input<string>,
  vaultAddress: string,
  /** What the nodes need before they can run pods. */
  images: readonly pulumi.Resource[] = [],
): Substrate {
  const namespace = (name: string) =>
    new kubernetes.core.v1.Namespace(name, { metadata: { name } }, inCluster(cluster)).metadata.name;
  const vault = new Vault(
    "vault",
    {
      namespace: namespace("vault"),
      chart: settings.vaultChart,
      image: settings.vaultImage,
      token: settings.vaultToken,
      address: vaultAddress,
    },
    inCluster(cluster, images),
  );
  const externalSecrets = new ExternalSecrets(
    "external-secrets",
    {
      namespace: namespace("external-secrets"),
      chart: settings.externalSecretsChart,
      image: settings.externalSecretsImage,
    },
    inCluster(cluster, images),
  );
  const airways = wanted.served.map(({ group, plural }) => `${plural}.${group}`).join(" ");
  const controller = new Controller(
    "atc",
    { image: controllerImage, namespace: namespace("atc"), ...wanted },
    inCluster(cluster, atLeaving("atc-remains", `after ${airways}`, cluster)),
  );
  return { cluster, vault, externalSecrets, controller };
}
