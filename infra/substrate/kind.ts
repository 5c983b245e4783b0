/** A cluster of its own in Docker: Vault, External Secrets and the controller run in it as pods. */
import { local } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../config.ts";
import type { Probe } from "../kind/cluster.ts";
import { imageReference } from "../kind/image.ts";
import { root } from "../paths.ts";
import { partsInCluster } from "./partsInCluster.ts";
import { type Cluster, ownCluster, type Substrate, type Wanted } from "./substrate.ts";

export function kindSubstrate(settings: Settings, wanted: Wanted): Substrate {
  const cluster = kindCluster(settings);
  const load = (name: string, images: pulumi.Input<string>) => loaded(name, images, settings, cluster.lifetime);
  const controller = load("controller-image-in-kind", settings.controllerImage || builtImage(settings));
  const others = settings.loadImages.length > 0 ? [load("images-in-kind", settings.loadImages.join())] : [];
  const vaultAddress = `http://127.0.0.1:${settings.vaultPort}`;
  return partsInCluster(settings, wanted, cluster, controller.stdout, vaultAddress, others);
}

const command = { dir: root, logging: local.Logging.Stderr, addPreviousOutputInEnv: false } as const;

function kindCluster(settings: Settings): Cluster & { readonly lifetime: local.Command } {
  const place = { NAME: settings.clusterName, STATE: `.state/${settings.stack}` };
  const probed = local
    .runOutput({ command: "node infra/kind/cli.ts probe", dir: root, environment: place, logging: local.Logging.None })
    .stdout.apply(line => JSON.parse(line) as Probe);
  // What only another cluster can have, and a cluster that is gone. The rest repairs the one that is there.
  const identity = probed.identity.apply(identity =>
    [settings.clusterName, settings.nodeImage, settings.vaultPort, identity].join("/"),
  );
  const lifetime = new local.Command(
    "cluster",
    {
      ...command,
      create: "node infra/kind/cli.ts cluster up",
      delete: "node infra/kind/cli.ts cluster down",
      environment: {
        ...place,
        NODE_IMAGE: settings.nodeImage,
        VAULT_PORT: String(settings.vaultPort),
        IDENTITY: probed.identity,
        HEALTH: probed.health,
      },
      triggers: [identity],
    },
    { deleteBeforeReplace: true, additionalSecretOutputs: ["stdout"], customTimeouts: { create: "10m" } },
  );
  return ownCluster(lifetime, identity);
}

function builtImage(settings: Settings): pulumi.Output<string> {
  const reference = imageReference(settings.baseImage);
  const built = new local.Command("controller-image", {
    ...command,
    create: "node infra/kind/cli.ts image build",
    environment: { IMAGE: reference, BASE_IMAGE: settings.baseImage },
    triggers: [reference],
  });
  return built.stdout;
}

/** Images of this machine's Docker, separated by commas, copied into the cluster's node; answers with their names. */
function loaded(name: string, images: pulumi.Input<string>, settings: Settings, cluster: local.Command): local.Command {
  return new local.Command(
    name,
    {
      ...command,
      create: "node infra/kind/cli.ts image load",
      environment: { IMAGES: images, NAME: settings.clusterName },
      triggers: [images, cluster.id],
    },
    { dependsOn: cluster, deletedWith: cluster },
  );
}
