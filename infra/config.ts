/**
 * The stack's settings: every key of Pulumi.yaml, checked.
 *
 * Descriptions and defaults stand in Pulumi.yaml, where `pulumi config` shows them; what is allowed stands here.
 */
import * as pulumi from "@pulumi/pulumi";
import { errors } from "./errors.ts";

/** A Helm chart: `https://repository/name`, `oci://…` or a path; the version counts for the first two. */
export interface ChartSource {
  readonly chart: string;
  readonly version: string;
}

export interface Settings {
  readonly stack: string;
  readonly secret: pulumi.Output<string>;
  readonly image: string;
  readonly replicas: number;
  readonly refreshInterval: string;
  readonly mode: "dynamic" | "subscription";
  readonly substrate: "kind" | "local" | "existing";
  readonly clusterName: string;
  readonly kubeContext: string;
  readonly kubeconfig: string;
  readonly vaultPort: number;
  readonly vaultAddress: string;
  readonly vaultToken: pulumi.Output<string>;
  readonly vaultChart: ChartSource;
  readonly vaultImage: string;
  readonly externalSecretsChart: ChartSource;
  readonly externalSecretsImage: string;
  readonly nodeImage: string;
  readonly baseImage: string;
  readonly controllerImage: string;
  readonly loadImages: readonly string[];
}

/** What a value may be: `test` decides, `allowed` tells the person. */
interface Rule {
  readonly allowed: string;
  readonly test: (value: string) => boolean;
}

/**
 * The longest secret: it becomes an environment variable of a container, and Linux takes 128 KiB for one at most,
 * name included. Half of that leaves room for other keys of the same Secret (1 MiB in all).
 */
export const MAX_SECRET_BYTES = 64 * 1024;

const choice = <Value extends string>(...values: readonly Value[]): Rule & { readonly values: readonly Value[] } => ({
  values,
  allowed: values.join(", "),
  test: value => values.some(one => one === value),
});

const matching = (pattern: RegExp, allowed: string): Rule => ({ allowed, test: value => pattern.test(value) });

const integer = (least: number, most: number): Rule => ({
  allowed: `a whole number from ${least} to ${most}`,
  test: value => /^-?\d+$/.test(value) && Number(value) >= least && Number(value) <= most,
});

const orEmpty = (rule: Rule): Rule => ({
  allowed: `empty, or ${rule.allowed}`,
  test: value => value === "" || rule.test(value),
});

const imageName = matching(/^[a-z0-9][\w.\-/:]*(@sha256:[0-9a-f]{64})?$/, "an image such as nginx:latest");
const taggedImage = matching(/^[a-z0-9][\w.\-/:]*:[\w][\w.-]{0,127}$/, "an image with its tag, such as nginx:1.29");
const taggedImages = matching(
  /^[a-z0-9][\w.\-/:]*:[\w][\w.-]{0,127}(,[a-z0-9][\w.\-/:]*:[\w][\w.-]{0,127})*$/,
  "images with their tags, separated by commas",
);
const chart = matching(/^(https?:\/\/[^/]+\/.*\w|oci:\/\/.+|[^:]+)$/, "https://repository/name, oci://… or a path");
const version = matching(/^\d+\.\d+\.\d+([-+].*)?$/, "a version such as 1.2.3");

const rules = {
  secret: {
    allowed: `text of 1 to ${MAX_SECRET_BYTES} bytes without a NUL character`,
    test: value => value !== "" && Buffer.byteLength(value) <= MAX_SECRET_BYTES && !value.includes("\0"),
  },
  image: imageName,
  replicas: integer(0, 1000),
  refreshInterval: matching(/^(?=.*[1-9])(\d+[smh])+$/, "a duration of at least a second, such as 5s or 1m30s"),
  mode: choice("dynamic", "subscription"),
  substrate: choice("kind", "local", "existing"),
  clusterName: matching(/^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$/, "up to 50 of a-z, 0-9 and -, not at its ends"),
  kubeContext: matching(/^.*$/, "a context's name"),
  kubeconfig: matching(/^.*$/, "a path"),
  vaultPort: integer(0, 65535),
  vaultAddress: orEmpty(matching(/^https?:\/\/[^/]+$/, "http://host:port")),
  vaultToken: matching(/^[\x21-\x7e]{1,256}$/, "1 to 256 printable characters without a space"),
  vaultChart: chart,
  vaultChartVersion: version,
  vaultImage: orEmpty(taggedImage),
  externalSecretsChart: chart,
  externalSecretsChartVersion: version,
  externalSecretsImage: orEmpty(taggedImage),
  nodeImage: orEmpty(imageName),
  baseImage: imageName,
  controllerImage: orEmpty(taggedImage),
  loadImages: orEmpty(taggedImages),
} satisfies Record<string, Rule>;

export type ConfigKey = keyof typeof rules;

/** Every key that the program reads; a test holds it against Pulumi.yaml. */
export const configKeys = Object.keys(rules) as readonly ConfigKey[];

/** Values that no message may show. */
const hidden: ReadonlySet<ConfigKey> = new Set(["secret", "vaultToken"]);

/**
 * Checks one value.
 * @throws INFRA_CONFIG_INVALID with the key, the value (for a secret only its size) and what is allowed.
 */
export function checkValue(key: ConfigKey, value: string): string {
  const rule: Rule = rules[key];
  if (rule.test(value)) return value;
  const given = hidden.has(key) ? `a value of ${Buffer.byteLength(value)} bytes` : JSON.stringify(value);
  throw errors.INFRA_CONFIG_INVALID({ key, given, allowed: rule.allowed });
}

/** The settings of the stack that runs. Throws INFRA_CONFIG_INVALID for the first bad value. */
export function readSettings(): Settings {
  const config = new pulumi.Config();
  const text = (key: ConfigKey): string => checkValue(key, config.get(key) ?? "");
  const secret = (key: ConfigKey): pulumi.Output<string> => pulumi.secret(text(key));
  const chosen = <Value extends string>(key: ConfigKey, rule: { readonly values: readonly Value[] }): Value =>
    rule.values.find(one => one === text(key)) as Value;
  const settings: Settings = {
    stack: pulumi.getStack(),
    secret: secret("secret"),
    image: text("image"),
    replicas: Number(text("replicas")),
    refreshInterval: text("refreshInterval"),
    mode: chosen("mode", rules.mode),
    substrate: chosen("substrate", rules.substrate),
    clusterName: text("clusterName"),
    kubeContext: text("kubeContext"),
    kubeconfig: text("kubeconfig"),
    vaultPort: Number(text("vaultPort")),
    vaultAddress: text("vaultAddress"),
    vaultToken: secret("vaultToken"),
    vaultChart: { chart: text("vaultChart"), version: text("vaultChartVersion") },
    vaultImage: text("vaultImage"),
    externalSecretsChart: { chart: text("externalSecretsChart"), version: text("externalSecretsChartVersion") },
    externalSecretsImage: text("externalSecretsImage"),
    nodeImage: text("nodeImage"),
    baseImage: text("baseImage"),
    controllerImage: text("controllerImage"),
    loadImages: text("loadImages").split(",").filter(Boolean),
  };
  if (settings.vaultPort === 0 && settings.substrate === "kind")
    throw errors.INFRA_CONFIG_INVALID({ key: "vaultPort", given: "0", allowed: "with kind, a port from 1 to 65535" });
  return settings;
}
