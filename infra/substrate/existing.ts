/** A cluster that somebody else keeps: the same parts as in kind, in the one context that the configuration names. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { recordOf, recordsOf } from "../../lib/json.ts";
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
    // No upsertExistingObjects: what is there already is somebody else's, and taken over, `destroy` would delete it.
    // After a killed run PULUMI_K8S_UPSERT_EXISTING_OBJECTS sets it once.
  });
  return partsInCluster(settings, wanted, { kubeconfig, provider, lifetime: undefined }, controllerImage, vaultAddress);
}

/**
 * The named context of the kubeconfig file, with its cluster and user and nothing else, as `kubectl config view --minify
 * --flatten` shows it: the stack keeps no login to another cluster, and its kubeconfig works wherever it lies.
 * @throws INFRA_CONTEXT_UNNAMED, INFRA_CONTEXT_UNKNOWN, INFRA_KUBECONFIG_UNREADABLE
 */
export function kubeconfigWith(context: string, file: string): string {
  const path = file ? resolve(root, file) : defaultKubeconfig();
  const config = parsed(path);
  const contexts = entries(config, "contexts");
  const names = contexts.map(({ name }) => name);
  if (!context) throw errors.INFRA_CONTEXT_UNNAMED({ contexts: names });
  const found = contexts.find(({ name }) => name === context);
  if (!found) throw errors.INFRA_CONTEXT_UNKNOWN({ context, file: path, contexts: names });
  const { cluster, user } = fieldsOf(found, "context");
  const used = (list: "clusters" | "users", name: unknown) =>
    entries(config, list)
      .filter(entry => entry.name === name)
      .map(entry => flattened(entry, list === "clusters" ? "cluster" : "user", path));
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": context,
    contexts: [found],
    clusters: used("clusters", cluster),
    users: used("users", user),
  });
}

type Fields = Readonly<Record<string, unknown>>;
type Entry = Fields & { readonly name: string };

const isEntry = (value: Fields): value is Entry => typeof value["name"] === "string";

function entries(config: unknown, list: "contexts" | "clusters" | "users"): Entry[] {
  return recordsOf(recordOf(config)[list]).filter(isEntry);
}

const fieldsOf = (entry: Entry, key: string): Fields => recordOf(entry[key]);

/** Keys that name a file, and the key that has its content in base64 instead. */
const fileKeys = ["certificate-authority", "client-certificate", "client-key"];

/** A cluster or user whose files are in it. A token's file is replaced now and then, so of that the path stays. */
function flattened(entry: Entry, key: "cluster" | "user", kubeconfig: string): Entry {
  const fields = fieldsOf(entry, key);
  const absolute = (file: unknown) => resolve(dirname(kubeconfig), String(file));
  const inline = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (name === "tokenFile") return [[name, absolute(value)]];
    if (!fileKeys.includes(name)) return [[name, value]];
    // Where both are given, the content counts, as for kubectl.
    const content = fields[`${name}-data`] || read(absolute(value)).toString("base64");
    return [[`${name}-data`, content]];
  });
  return { ...entry, [key]: Object.fromEntries(inline) };
}

const defaultKubeconfig = (): string =>
  process.env["KUBECONFIG"]?.split(delimiter).find(Boolean) ?? join(homedir(), ".kube", "config");

function parsed(path: string): unknown {
  const text = read(path).toString("utf8");
  try {
    return parse(text);
  } catch {
    // The parser's message would show lines of the file.
    throw errors.INFRA_KUBECONFIG_UNREADABLE({ file: path, why: "it is not YAML" });
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw errors.INFRA_KUBECONFIG_UNREADABLE({
      file: path,
      why: error instanceof Error ? error.message : String(error),
    });
  }
}
