/** The controller's settings (contract §9): one table says what there is, what is valid, and what `--help` prints. */
import { availableParallelism, tmpdir } from "node:os";
import { parseDuration } from "./airway/duration.ts";
import type { LogFormat } from "./observe/log.ts";

export interface Setting<Value> {
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

export interface Address {
  readonly host: string;
  readonly port: number;
}

const highestPort = 65_535;

const aName = { value: "NAME", expected: "a name", parse: nonEmpty };
const aPath = { value: "PATH", expected: "a path", parse: nonEmpty };
const aUrl = { value: "URL", expected: "an http or https URL", parse: parseHttpUrl };
const aSwitch = { expected: "true or false", parse: parseFlag };
const aCount = (most: number) => ({
  value: "COUNT",
  expected: `a whole number from 1 to ${most}`,
  parse: wholeNumber(1, most),
});
const aPort = (least: number) => ({
  value: "PORT",
  expected: `a port number from ${least} to ${highestPort}`,
  parse: wholeNumber(least, highestPort),
});
const aCertificateFile = (about: string) =>
  ({
    ...aPath,
    fallback: undefined,
    fallbackText: "made by the controller",
    about: `PEM file of ${about}`,
  }) satisfies Setting<string | undefined>;

/** One row for each. */
export function settings() {
  const cpus = availableParallelism();
  return {
    KUBE: {
      ...aPath,
      fallback: undefined,
      fallbackText: "the pod's service account",
      about: "kubeconfig of the cluster to control",
    } satisfies Setting<string | undefined>,
    KUBE_CONTEXT: {
      ...aName,
      fallback: undefined,
      fallbackText: "the current one",
      about: "context of that kubeconfig",
    } satisfies Setting<string | undefined>,
    METRICS_ADDRESS: {
      value: "HOST:PORT",
      fallback: { host: "127.0.0.1", port: 9464 },
      fallbackText: "127.0.0.1:9464",
      about: "where /healthz, /readyz and /metrics are served; :PORT is every interface, port 0 any free one",
      expected: "HOST:PORT or :PORT",
      parse: parseAddress,
    } satisfies Setting<Address>,
    PORT: {
      ...aPort(0),
      fallback: 3000,
      about: "HTTPS port of the webhooks",
    } satisfies Setting<number>,
    SVC_NAME: {
      ...aName,
      fallback: undefined,
      fallbackText: "no webhooks",
      about: "Service by which the API server reaches the webhooks",
    } satisfies Setting<string | undefined>,
    SVC_NAMESPACE: {
      ...aName,
      fallback: undefined,
      fallbackText: "the pod's",
      about: "where that Service is, and the controller's own Secrets",
    } satisfies Setting<string | undefined>,
    SVC_PORT: {
      ...aPort(1),
      fallback: 443,
      about: "its port",
    } satisfies Setting<number>,
    WEBHOOK_URL: {
      value: "URL",
      fallback: undefined,
      fallbackText: "none",
      about: "how the API server reaches the webhooks where there is no Service, such as https://127.0.0.1:3000",
      expected: "an https URL without path, query and user",
      parse: parseWebhookUrl,
    } satisfies Setting<string | undefined>,
    TLS_CA_CERT: aCertificateFile("the authority behind TLS_SERVER_CERT"),
    TLS_SERVER_CERT: aCertificateFile("the webhooks' certificate"),
    TLS_SERVER_KEY: aCertificateFile("its key"),
    CONCURRENCY: {
      ...aCount(1000),
      fallback: Math.max(8, cpus),
      fallbackText: "CPUs, at least 8",
      about: "instances reconciled at a time",
    } satisfies Setting<number>,
    RENDER_BURST: {
      ...aCount(999_999_999),
      fallback: 20,
      about: "renders of one instance at once, one more each 3 s, before it is slowed down",
    } satisfies Setting<number>,
    FLIGHT_WORKERS: {
      ...aCount(256),
      fallback: Math.min(cpus, 8),
      fallbackText: "CPUs, at most 8",
      about: "threads that run flights",
    } satisfies Setting<number>,
    LEADER_ELECT: {
      ...aSwitch,
      fallback: undefined,
      fallbackText: "true in a pod",
      about: "stand by while another replica leads; needed wherever more than one may run",
    } satisfies Setting<boolean | undefined>,
    LEADER_ID: {
      ...aName,
      fallback: undefined,
      fallbackText: "random",
      about:
        "name of this replica, whose next process then leads at once; no two processes may share it, so take the pod's",
    } satisfies Setting<string | undefined>,
    LEASE_NAME: {
      ...aName,
      fallback: "atc",
      about: "Lease that the replicas share",
    } satisfies Setting<string>,
    LEASE_NAMESPACE: {
      ...aName,
      fallback: undefined,
      fallbackText: "SVC_NAMESPACE, else the pod's",
      about: "where that Lease is",
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
      ...aPath,
      fallback: tmpdir(),
      fallbackText: "the system's temporary folder",
      about: "folder in which modules are kept over a restart",
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
      ...aPath,
      fallback: undefined,
      fallbackText: "none, modules need no signature",
      about: "JSON file with an array of PEM keys; every module must be signed with one of them",
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
      ...aName,
      fallback: undefined,
      fallbackText: "none, Docker's own file is used",
      about: "Secret in SVC_NAMESPACE whose .dockerconfigjson holds the logins of registries",
    } satisfies Setting<string | undefined>,
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      ...aUrl,
      fallback: undefined,
      fallbackText: "no traces",
      about: "OpenTelemetry collector, OTLP over HTTP with JSON; the other OTEL_ variables are those of the standard",
    } satisfies Setting<string | undefined>,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
      ...aUrl,
      fallback: undefined,
      fallbackText: "/v1/traces below the former",
      about: "the same for traces alone, with its path",
    } satisfies Setting<string | undefined>,
    DISABLE_CUSTOM_READINESS: {
      ...aSwitch,
      fallback: false,
      about: "ignore ConfigMaps labelled resource.yoke.cd/readiness, which say when objects of a kind are ready",
    } satisfies Setting<boolean>,
    LOG_FORMAT: {
      value: "FORMAT",
      fallback: "json",
      about: "json, or text for reading in a terminal",
      expected: "json or text",
      parse: text => (text === "json" || text === "text" ? text : undefined),
    } satisfies Setting<LogFormat>,
    VERBOSE: {
      ...aSwitch,
      fallback: false,
      about: "log debug lines too",
    } satisfies Setting<boolean>,
  };
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

/** Kubernetes takes no other. */
function parseWebhookUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, href } = new URL(text);
  return protocol === "https:" && href === `${origin}/` ? origin : undefined;
}

function parseHttpUrl(text: string): string | undefined {
  return /^https?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/** IPv6 addresses are in brackets; an empty host is every interface. */
function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/]*)):(\d+)$/.exec(text) ?? [];
  const port = wholeNumber(0, highestPort)(digits);
  return port === undefined ? undefined : { host: bracketed ?? (plain || "0.0.0.0"), port };
}

function parseFlag(text: string): boolean | undefined {
  if (["true", "1"].includes(text.toLowerCase())) return true;
  return ["false", "0"].includes(text.toLowerCase()) ? false : undefined;
}
