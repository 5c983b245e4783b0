/**
 * The controller's settings: environment variables, each also a flag (lower case, `_` becomes `-`); flags win
 * (contract §9). One table says what there is; `--help` is printed from it.
 */
import { availableParallelism, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { parseDuration } from "./airway/duration.ts";
import { errors } from "./errors.ts";
import type { LogFormat } from "./observe/log.ts";

export interface Config {
  /** Path of a kubeconfig; undefined: the service account of the pod. */
  readonly kube: string | undefined;
  /** Name of a context in it; undefined: its current one. */
  readonly kubeContext: string | undefined;
  readonly metricsAddress: { readonly host: string; readonly port: number };
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

interface Setting<Value> {
  /** Its placeholder in --help; undefined for switches. */
  readonly value?: string;
  readonly fallback: Value;
  /** How the fallback reads, where its value does not say it. */
  readonly fallbackText?: string;
  readonly about: string;
  /** What a valid value is, for the error. */
  readonly expected: string;
  /** undefined when the text is not valid. */
  readonly parse: (text: string) => Value | undefined;
}

function settings() {
  const cpus = availableParallelism();
  return {
    KUBE: {
      value: "PATH",
      fallback: undefined,
      fallbackText: "the pod's service account",
      about: "kubeconfig of the cluster to control",
      expected: "a path",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    KUBE_CONTEXT: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "the current one",
      about: "context of that kubeconfig",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    METRICS_ADDRESS: {
      value: "HOST:PORT",
      fallback: { host: "127.0.0.1", port: 9464 },
      fallbackText: "127.0.0.1:9464",
      about: "where /healthz, /readyz and /metrics are served; :PORT is every interface, port 0 any free one",
      expected: "HOST:PORT or :PORT",
      parse: parseAddress,
    } satisfies Setting<Config["metricsAddress"]>,
    PORT: {
      value: "PORT",
      fallback: 3000,
      about: "HTTPS port of the webhooks",
      expected: "a port number from 0 to 65535",
      parse: parsePort,
    } satisfies Setting<number>,
    SVC_NAME: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "no webhooks",
      about: "Service by which the API server reaches the webhooks",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    SVC_NAMESPACE: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "the pod's",
      about: "where that Service is, and the controller's own Secrets",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    SVC_PORT: {
      value: "PORT",
      fallback: 443,
      about: "its port",
      expected: "a port number from 1 to 65535",
      parse: wholeNumber(1, 65_535),
    } satisfies Setting<number>,
    WEBHOOK_URL: {
      value: "URL",
      fallback: undefined,
      fallbackText: "none",
      about: "how the API server reaches the webhooks where there is no Service, such as https://127.0.0.1:3000",
      expected: "an https URL without path, query and user",
      parse: parseWebhookUrl,
    } satisfies Setting<string | undefined>,
    TLS_CA_CERT: certificateFile("the authority behind TLS_SERVER_CERT"),
    TLS_SERVER_CERT: certificateFile("the webhooks' certificate"),
    TLS_SERVER_KEY: certificateFile("its key"),
    CONCURRENCY: {
      value: "COUNT",
      fallback: Math.max(8, cpus),
      fallbackText: "CPUs, at least 8",
      about: "instances reconciled at a time",
      expected: "a whole number from 1 to 1000",
      parse: wholeNumber(1, 1000),
    } satisfies Setting<number>,
    RENDER_BURST: {
      value: "COUNT",
      fallback: 20,
      about: "renders of one instance at once, one more each 3 s, before it is slowed down",
      expected: "a whole number from 1 to 999999999",
      parse: wholeNumber(1, 999_999_999),
    } satisfies Setting<number>,
    FLIGHT_WORKERS: {
      value: "COUNT",
      fallback: Math.min(cpus, 8),
      fallbackText: "CPUs, at most 8",
      about: "threads that run flights",
      expected: "a whole number from 1 to 256",
      parse: wholeNumber(1, 256),
    } satisfies Setting<number>,
    LEADER_ELECT: {
      fallback: undefined,
      fallbackText: "true in a pod",
      about: "stand by while another replica leads; needed wherever more than one may run",
      expected: "true or false",
      parse: parseFlag,
    } satisfies Setting<boolean | undefined>,
    LEADER_ID: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "random",
      about:
        "name of this replica, whose next process then leads at once; no two processes may share it, so take the pod's",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    LEASE_NAME: {
      value: "NAME",
      fallback: "atc",
      about: "Lease that the replicas share",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string>,
    LEASE_NAMESPACE: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "SVC_NAMESPACE, else the pod's",
      about: "where that Lease is",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    LEASE_DURATION: {
      value: "DURATION",
      fallback: 15_000,
      fallbackText: "15s",
      about: "how long a standby waits for a leader that says nothing",
      expected: "a duration of at least 1s",
      parse: text => {
        const milliseconds = parseDuration(text);
        return milliseconds !== undefined && milliseconds >= 1_000 ? milliseconds : undefined;
      },
    } satisfies Setting<number>,
    CACHE_FS: {
      value: "PATH",
      fallback: tmpdir(),
      fallbackText: "the system's temporary folder",
      about: "folder in which modules are kept over a restart",
      expected: "a path",
      parse: nonEmpty,
    } satisfies Setting<string>,
    MODULE_ALLOW_LIST: {
      value: "PATTERNS",
      fallback: [],
      fallbackText: "all are allowed",
      about: "module URLs that may be used: shell patterns over the whole URL, separated by commas",
      expected: "a list of patterns; leave it out to allow all modules",
      parse: parseList,
    } satisfies Setting<readonly string[]>,
    MODULE_VERIFICATION_KEYS_PATH: {
      value: "PATH",
      fallback: undefined,
      fallbackText: "none, modules need no signature",
      about: "JSON file with an array of PEM keys; every module must be signed with one of them",
      expected: "a path",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    MODULE_REFRESH_INTERVAL: {
      value: "DURATION",
      fallback: 5 * 60_000,
      fallbackText: "5m",
      about: "how often a module's URL is asked whether it has changed; 0 is never by itself",
      expected: "a duration such as 5m, at least 1s, or 0",
      parse: parseInterval,
    } satisfies Setting<number>,
    DOCKER_CONFIG_SECRET_NAME: {
      value: "NAME",
      fallback: undefined,
      fallbackText: "none, Docker's own file is used",
      about: "Secret in SVC_NAMESPACE whose .dockerconfigjson holds the logins of registries",
      expected: "a name",
      parse: nonEmpty,
    } satisfies Setting<string | undefined>,
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      value: "URL",
      fallback: undefined,
      fallbackText: "no traces",
      about: "OpenTelemetry collector, OTLP over HTTP with JSON; the other OTEL_ variables are those of the standard",
      expected: "an http or https URL",
      parse: parseHttpUrl,
    } satisfies Setting<string | undefined>,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
      value: "URL",
      fallback: undefined,
      fallbackText: "/v1/traces below the former",
      about: "the same for traces alone, with its path",
      expected: "an http or https URL",
      parse: parseHttpUrl,
    } satisfies Setting<string | undefined>,
    DISABLE_CUSTOM_READINESS: {
      fallback: false,
      about: "ignore ConfigMaps labelled resource.yoke.cd/readiness, which say when objects of a kind are ready",
      expected: "true or false",
      parse: parseFlag,
    } satisfies Setting<boolean>,
    LOG_FORMAT: {
      value: "FORMAT",
      fallback: "json",
      about: "json, or text for reading in a terminal",
      expected: "json or text",
      parse: text => (text === "json" || text === "text" ? text : undefined),
    } satisfies Setting<LogFormat>,
    VERBOSE: {
      fallback: false,
      about: "log debug lines too",
      expected: "true or false",
      parse: parseFlag,
    } satisfies Setting<boolean>,
  };
}

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

function nonEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** A list without entries would look like a rule and be none. */
function parseList(text: string): string[] | undefined {
  const entries = text.split(",").map(entry => entry.trim());
  return entries.every(entry => entry !== "") ? entries : undefined;
}

function parseInterval(text: string): number | undefined {
  const milliseconds = parseDuration(text);
  if (milliseconds === 0) return Number.POSITIVE_INFINITY;
  return milliseconds !== undefined && milliseconds >= 1000 ? milliseconds : undefined;
}

function wholeNumber(least: number, most: number): (text: string) => number | undefined {
  return text => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  };
}

function parsePort(text: string): number | undefined {
  return wholeNumber(0, 65_535)(text);
}

/** Kubernetes takes no other. */
function parseWebhookUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, href } = new URL(text);
  return protocol === "https:" && href === `${origin}/` ? origin : undefined;
}

function parseHttpUrl(text: string): string | undefined {
  return /^https?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

function tracesBelow(endpoint: string | undefined): string | undefined {
  return endpoint === undefined ? undefined : `${endpoint.replace(/\/$/, "")}/v1/traces`;
}

function certificateFile(about: string): Setting<string | undefined> {
  return {
    value: "PATH",
    fallback: undefined,
    fallbackText: "made by the controller",
    about: `PEM file of ${about}`,
    expected: "a path",
    parse: nonEmpty,
  };
}

/** IPv6 addresses are in brackets; an empty host is every interface. */
function parseAddress(text: string): Config["metricsAddress"] | undefined {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/]*)):(\d+)$/.exec(text) ?? [];
  const port = parsePort(digits);
  return port === undefined ? undefined : { host: bracketed ?? (plain || "0.0.0.0"), port };
}

function parseFlag(text: string): boolean | undefined {
  if (["true", "1"].includes(text.toLowerCase())) return true;
  return ["false", "0"].includes(text.toLowerCase()) ? false : undefined;
}
