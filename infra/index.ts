/** What exists: a cluster with Vault, External Secrets and the controller; a secret; an Airway; a Backend. */
import { buildFlight } from "../flights/build.ts";
import { Airway } from "./airway.ts";
import { Backend } from "./backend.ts";
import { readSettings } from "./config.ts";
import { explain } from "./errors.ts";
import { fromRoot } from "./paths.ts";
import { VaultSecret } from "./secret.ts";
import { SecretStore } from "./secretStore.ts";
import { createSubstrate } from "./substrate/create.ts";
import { atLeaving, inCluster } from "./substrate/substrate.ts";

const namespace = "default";
const settings = await explain(readSettings);
const { mode, image, replicas, refreshInterval } = settings;

// In mode `subscription` a flight looks the Secret up and leaves it to External Secrets.
const entry = mode === "subscription" ? "flights/backend/subscription.ts" : "flights/backend/flight.ts";
const flight = await explain(() => buildFlight(fromRoot(entry)));
const served = { group: flight.crd.group, plural: flight.crd.names.plural };

const substrate = await explain(() => createSubstrate(settings, { served: [served], workNamespaces: [namespace] }));
const { cluster, vault, externalSecrets } = substrate;

const secret = new VaultSecret("demo", { vault, value: settings.secret });

const store = new SecretStore(
  "vault-backend",
  { namespace, vault },
  inCluster(cluster, [externalSecrets, vault.lifetime]),
);

const airway = new Airway(
  "backends",
  { flight, flightName: "backend", mode, namespace: substrate.controller.namespace },
  inCluster(cluster, [substrate.controller.ready]),
);

// Everything that its flight needs is there before it and outlives it: it becomes Ready at once, and leaves in peace.
const nginx = new Backend(
  "nginx",
  { namespace, spec: { image, replicas, refreshInterval } },
  inCluster(cluster, [airway, store, secret, substrate.controller.ready, externalSecrets]),
);

atLeaving("atc-objects", `before ${served.plural}.${served.group}`, cluster, [nginx, airway]);

export const kubeconfig = cluster.kubeconfig;
export const vaultAddress = vault.address;
export const vaultToken = vault.token;
export const backend = nginx.reference;
export const controller = substrate.controller.address;
