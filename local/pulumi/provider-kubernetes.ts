/** Stand-in for pulumi-resource-kubernetes: every kind that the API server has, and `helm.v3.Release`. */
import sdk from "@pulumi/kubernetes/package.json" with { type: "json" };
import { helmRelease } from "./helm-release.ts";
import { type ClusterChoice, clusterAccess, clusterChanges } from "./kubeconfig.ts";
import { createKubernetesClient } from "./kubernetes-client.ts";
import { type ObjectSettings, objectResource } from "./kubernetes-resource.ts";
import { serveProvider } from "./protocol.ts";
import type { Resource } from "./provider.ts";
import type { Properties, Value } from "./wire.ts";

const RELEASE = "kubernetes:helm.sh/v3:Release";

/** Components that the official plugin builds itself, and helpers that have no object behind them. */
const COMPONENTS = /^kubernetes:(yaml|kustomize|helm\.sh)\//;

let objects: ObjectSettings | undefined;
let cluster: ClusterChoice = {};

const text = (value: Value | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** Settings that are not text arrive as JSON; each has an environment variable that it defaults to. */
const flag = (settings: Properties, name: string, variable: string): boolean =>
  String(settings[name] ?? process.env[`PULUMI_K8S_${variable}`]) === "true";

function configure(settings: Properties): void {
  cluster = {
    kubeconfig: text(settings.kubeconfig),
    context: text(settings.context),
    cluster: text(settings.cluster),
  };
  const access = clusterAccess(cluster);
  objects = {
    client: createKubernetesClient(access),
    namespace: text(settings.namespace) ?? access.namespace,
    mutability: {
      secrets: flag(settings, "enableSecretMutable", "ENABLE_SECRET_MUTABLE"),
      configMaps: flag(settings, "enableConfigMapMutable", "ENABLE_CONFIGMAP_MUTABLE"),
    },
    upsert: flag(settings, "upsertExistingObjects", "UPSERT_EXISTING_OBJECTS"),
    force: flag(settings, "enablePatchForce", "ENABLE_PATCH_FORCE"),
    deleteUnreachable: flag(settings, "deleteUnreachable", "DELETE_UNREACHABLE"),
  };
}

function resource(type: string): Resource | undefined {
  // The engine configures a provider before it uses it.
  if (objects === undefined) return undefined;
  if (type === RELEASE) return helmRelease({ cluster, ...objects });
  return COMPONENTS.test(type) ? undefined : objectResource(type, objects);
}

await serveProvider({
  name: "kubernetes",
  version: sdk.version,
  configure,
  diffConfig: (olds, news) => ({ replaces: clusterChanges(olds, news) }),
  resource,
});
