/** The program that pulumi-plugins.test.ts runs. */
import { local } from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as vault from "@pulumi/vault";

const env = (name: string): string => process.env[name] ?? "";
const secret = pulumi.secret(env("TEST_SECRET"));

const script = new local.Command("script", {
  create: 'echo "$WORD" && echo "created $WORD" >>"$LOG"',
  delete: 'echo deleted >>"$LOG"',
  environment: { WORD: secret, LOG: env("TEST_LOG") },
  triggers: [env("TEST_TRIGGER")],
});

const kubeconfig = new local.Command(
  "kubeconfig",
  { create: 'cat "$FILE"', environment: { FILE: env("TEST_KUBECONFIG") }, logging: local.Logging.None },
  { additionalSecretOutputs: ["stdout"] },
);
const cluster = {
  provider: new kubernetes.Provider("cluster", { kubeconfig: kubeconfig.stdout, enableSecretMutable: true }),
};
const namespace = new kubernetes.core.v1.Namespace("namespace", { metadata: { name: env("TEST_NAMESPACE") } }, cluster);
const metadata = (name: string) => ({ name, namespace: namespace.metadata.name });
new kubernetes.core.v1.Secret("secret", { metadata: metadata("secret"), stringData: { hello: secret } }, cluster);
const settings = new kubernetes.core.v1.ConfigMap(
  "settings",
  { metadata: { namespace: namespace.metadata.name }, data: { color: env("TEST_COLOR") } },
  cluster,
);
new kubernetes.core.v1.ConfigMap(
  "slow",
  {
    metadata: { ...metadata("slow"), annotations: { "pulumi.com/waitFor": env("TEST_WAIT") } },
    data: { phase: "Ready" },
  },
  { ...cluster, customTimeouts: { create: "1s", update: "1s" } },
);

const vaultProvider = new vault.Provider("vault", {
  address: env("TEST_VAULT"),
  token: pulumi.secret(env("TEST_VAULT_TOKEN")),
  skipChildToken: true,
});
const document = new vault.kv.SecretV2(
  "document",
  { mount: "secret", name: "demo", dataJson: pulumi.jsonStringify({ hello: secret }), deleteAllVersions: true },
  { provider: vaultProvider },
);

export const said = script.stdout;
export const settingsName = settings.metadata.name;
export const version = document.metadata.apply(metadata => metadata?.["version"]);
