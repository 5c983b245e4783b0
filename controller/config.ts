/**
 * The controller's configuration, read by the table of `settings.ts`: from environment variables, each also a flag (lower
 * case, `_` becomes `-`); flags win (contract §9).
 */
import { parseArgs } from "node:util";
import { errors } from "./errors.ts";
import type { LogFormat } from "./observe/log.ts";
import { type Address, type Setting, settings } from "./settings.ts";

export interface Config {
  /** Path of a kubeconfig; undefined: the service account of the pod. */
  readonly kube: string | undefined;
  /** Name of a context in it; undefined: its current one. */
  readonly kubeContext: string | undefined;
  readonly metricsAddress: Address;
  /** HTTPS port of the admission webhooks. */
  readonly port: number;
  /** How the API server reaches the webhooks, instead of by a Service. */
  readonly webhookUrl: string | undefined;
  /** The Service in front of the webhooks; without a name there is none. */
  readonly service: { readonly name: string | undefined; readonly port: number };
  /** Paths of PEM files; without them the controller makes its certificates itself. */
  readonly tls: {
    readonly authorities: string | undefined;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
  };
  /** Reconciles at a time. */
  readonly concurrency: number;
  /** Renders of one instance that may follow each other at once. */
  readonly renderBurst: number;
  /** Threads that run flights. */
  readonly flightWorkers: number;
  /** Whether replicas share the work; undefined: when this is a pod. */
  readonly leaderElect: boolean | undefined;
  /** A name of this replica that no other process has at the same time; undefined: a random one. */
  readonly leaderId: string | undefined;
  readonly leaseName: string;
  /** undefined: that of the Service, else of the pod or of the kubeconfig's context. */
  readonly leaseNamespace: string | undefined;
  readonly leaseDurationMs: number;
  /** Folder of the module cache. */
  readonly cacheFs: string;
  /** Patterns of module URLs; empty: all are allowed. */
  readonly moduleAllowList: readonly string[];
  /** Path of a JSON array of PEM keys; undefined: modules need no signature. */
  readonly moduleVerificationKeysPath: string | undefined;
  /** Infinity: only when an Airway or Flight changes. */
  readonly moduleRefreshMs: number;
  /** Secret with registry credentials, in `svcNamespace`. */
  readonly dockerConfigSecretName: string | undefined;
  /** Namespace of the controller's own Service and Secrets. */
  readonly svcNamespace: string | undefined;
  /** URL to which traces are sent; undefined: none are made. */
  readonly tracesEndpoint: string | undefined;
  /** Whether ConfigMaps say when objects of a kind are ready. */
  readonly customReadiness: boolean;
  readonly logFormat: LogFormat;
  readonly verbose: boolean;
}

export type Command =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "help"; readonly text: string };

/**
 * @param args without the program's own name
 * @throws CONFIG_FLAG_UNKNOWN, CONFIG_ARGUMENT_UNEXPECTED, CONFIG_VALUE_INVALID, CONFIG_VALUE_MISSING
 */
export function parseConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const table = settings();
  const flags = readFlags(args, table);
  if (flags.has("help")) return { kind: "help", text: helpText(table) };
  const read = <Value>(name: keyof typeof table, setting: Setting<Value>): Value => {
    const flag = flagOf(name);
    const fromFlag = flags.get(flag);
    // An empty environment variable is one that was not set.
    const text = fromFlag ?? (env[name] || undefined);
    if (text === undefined) return setting.fallback;
    const value = setting.parse(text);
    if (value !== undefined) return value;
    const source = fromFlag === undefined ? name : `--${flag}`;
    throw errors.CONFIG_VALUE_INVALID({ source, value: text, expected: setting.expected });
  };
  return {
    kind: "run",
    config: {
      kube: read("KUBE", table.KUBE),
      kubeContext: read("KUBE_CONTEXT", table.KUBE_CONTEXT),
      metricsAddress: read("METRICS_ADDRESS", table.METRICS_ADDRESS),
      port: read("PORT", table.PORT),
      webhookUrl: read("WEBHOOK_URL", table.WEBHOOK_URL),
      service: {
        name: read("SVC_NAME", table.SVC_NAME),
        port: read("SVC_PORT", table.SVC_PORT),
      },
      tls: {
        authorities: read("TLS_CA_CERT", table.TLS_CA_CERT),
        certificate: read("TLS_SERVER_CERT", table.TLS_SERVER_CERT),
        key: read("TLS_SERVER_KEY", table.TLS_SERVER_KEY),
      },
      concurrency: read("CONCURRENCY", table.CONCURRENCY),
      renderBurst: read("RENDER_BURST", table.RENDER_BURST),
      flightWorkers: read("FLIGHT_WORKERS", table.FLIGHT_WORKERS),
      leaderElect: read("LEADER_ELECT", table.LEADER_ELECT),
      leaderId: read("LEADER_ID", table.LEADER_ID),
      leaseName: read("LEASE_NAME", table.LEASE_NAME),
      leaseNamespace: read("LEASE_NAMESPACE", table.LEASE_NAMESPACE),
      leaseDurationMs: read("LEASE_DURATION", table.LEASE_DURATION),
      cacheFs: read("CACHE_FS", table.CACHE_FS),
      moduleAllowList: read("MODULE_ALLOW_LIST", table.MODULE_ALLOW_LIST),
      moduleVerificationKeysPath: read("MODULE_VERIFICATION_KEYS_PATH", table.MODULE_VERIFICATION_KEYS_PATH),
      moduleRefreshMs: read("MODULE_REFRESH_INTERVAL", table.MODULE_REFRESH_INTERVAL),
      dockerConfigSecretName: read("DOCKER_CONFIG_SECRET_NAME", table.DOCKER_CONFIG_SECRET_NAME),
      svcNamespace: read("SVC_NAMESPACE", table.SVC_NAMESPACE),
      tracesEndpoint:
        read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", table.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) ??
        tracesBelow(read("OTEL_EXPORTER_OTLP_ENDPOINT", table.OTEL_EXPORTER_OTLP_ENDPOINT)),
      customReadiness: !read("DISABLE_CUSTOM_READINESS", table.DISABLE_CUSTOM_READINESS),
      logFormat: read("LOG_FORMAT", table.LOG_FORMAT),
      verbose: read("VERBOSE", table.VERBOSE),
    },
  };
}

type Table = Record<string, Setting<unknown>>;

function flagOf(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** Flags by name, as texts; a switch without value is `true`, `--no-<switch>` is `false`. */
function readFlags(args: readonly string[], table: Table): Map<string, string> {
  const valued = new Map(Object.entries(table).map(([name, { value }]) => [flagOf(name), value !== undefined]));
  const options = Object.fromEntries(
    [...valued].map(([flag, takesValue]) => [flag, { type: takesValue ? ("string" as const) : ("boolean" as const) }]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true, allowNegative: true });
  const found = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") throw errors.CONFIG_ARGUMENT_UNEXPECTED({ argument: token.value });
    if (token.kind !== "option") continue;
    if (token.rawName === "--help" || token.rawName === "-h") found.set("help", "true");
    else found.set(...flagValue(token, valued));
  }
  return found;
}

function flagValue(
  { name, rawName, value }: { name: string; rawName: string; value?: string | undefined },
  valued: ReadonlyMap<string, boolean>,
): [flag: string, text: string] {
  const takesValue = valued.get(name);
  if (takesValue === undefined) throw errors.CONFIG_FLAG_UNKNOWN({ flag: rawName });
  if (takesValue && value === undefined) throw errors.CONFIG_VALUE_MISSING({ flag: rawName });
  return [name, value ?? String(!rawName.startsWith("--no-"))];
}

function helpText(table: Table): string {
  const rows = Object.entries(table).map(([name, { value, fallback, fallbackText, about }]) => [
    `--${flagOf(name)}${value === undefined ? "" : `=${value}`}`,
    name,
    `${about} (default: ${fallbackText ?? String(fallback)})`,
  ]);
  const widths = [0, 1].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  const lines = rows.map(row => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`);
  return [
    "The Air Traffic Controller: renders custom resources with flights, and again whenever their inputs change.",
    "",
    "Each setting is a flag or an environment variable; the flag wins.",
    "",
    ...lines,
    `  ${"--help, -h".padEnd(widths[0] ?? 0)}  ${"".padEnd(widths[1] ?? 0)}  print this`,
    "",
  ].join("\n");
}

function tracesBelow(endpoint: string | undefined): string | undefined {
  return endpoint === undefined ? undefined : `${endpoint.replace(/\/$/, "")}/v1/traces`;
}
