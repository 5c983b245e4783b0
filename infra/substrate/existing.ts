/** A cluster that somebody else keeps: the same parts as in kind, in the one context that the configuration names. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { Settings } from "../config.ts";
import { errors } from "../errors.ts";
import { root } from "../paths.ts";
import { partsInCluster } from "./partsInCluster.ts";
import type { Substrate, Wanted } from "./substrate.ts";

export function existingSubstrate(settings: Settings, wanted: Wanted): Substrate {
  const { kubeContext: context, controllerImage, vaultAddress } = settings;
  const kubeconfig = pulumi.secret(kubeconfigWith(context, settings.kubeconfig));
  if (!controllerImage)
    throw errors.INFRA_CONFIG_MISSING({
      key: "controllerImage",
      why: "nodes of an existing cluster pull the controller's image from a registry",
    });
  if (!vaultAddress)
    throw errors.INFRA_CONFIG_MISSING({
      key: "vaultAddress",
      why: "this machine has to reach Vault in an existing cluster",
    });
  const provider = new kubernetes.Provider("kubernetes", {
    kubeconfig,
    context,
    // The name says which cluster is meant; another file or certificate for it is the same cluster.
    clusterIdentifier: context,
    enableSecretMutable: true,
    upsertExistingObjects: true,
  });
  return partsInCluster(settings, wanted, { kubeconfig, provider, lifetime: undefined }, controllerImage, vaultAddress);
}

/**
 * The kubeconfig file's content, its current context set to the named one.
 * @throws INFRA_CONTEXT_UNNAMED, INFRA_CONTEXT_UNKNOWN, INFRA_KUBECONFIG_UNREADABLE
 */
export function kubeconfigWith(context: string, file: string): string {
  const path = file ? resolve(root, file) : defaultKubeconfig();
  const text = read(path);
  const config: unknown = parse(text);
  const contexts = contextNames(config);
  if (!context) throw errors.INFRA_CONTEXT_UNNAMED({ contexts });
  if (!contexts.includes(context)) throw errors.INFRA_CONTEXT_UNKNOWN({ context, file: path, contexts });
  return JSON.stringify({ ...(config as object), "current-context": context });
}

const defaultKubeconfig = (): string =>
  process.env["KUBECONFIG"]?.split(delimiter).find(Boolean) ?? join(homedir(), ".kube", "config");

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw errors.INFRA_KUBECONFIG_UNREADABLE({
      file: path,
      why: error instanceof Error ? error.message : String(error),
    });
  }
}

function contextNames(config: unknown): string[] {
  const contexts = config instanceof Object && "contexts" in config ? config.contexts : undefined;
  if (!Array.isArray(contexts)) return [];
  return contexts.flatMap((one: unknown) =>
    one instanceof Object && "name" in one && typeof one.name === "string" ? [one.name] : [],
  );
}
