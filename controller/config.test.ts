import { tmpdir } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodedError } from "../lib/errors.ts";
import { type Config, parseConfig } from "./config.ts";

function config(args: string[], env: Record<string, string> = {}): Config {
  const command = parseConfig(args, env);
  if (command.kind !== "run") throw new Error("printed help");
  return command.config;
}

function failure(args: string[], env: Record<string, string> = {}): CodedError {
  try {
    parseConfig(args, env);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("accepted");
}

test("without any setting the controller runs in a pod", () => {
  const { concurrency, flightWorkers, ...rest } = config([]);
  expect(rest).toEqual({
    kube: undefined,
    kubeContext: undefined,
    webhookUrl: undefined,
    service: { name: undefined, port: 443 },
    tls: { authorities: undefined, certificate: undefined, key: undefined },
    metricsAddress: { host: "127.0.0.1", port: 9464 },
    port: 3000,
    renderBurst: 20,
    leaderElect: undefined,
    leaderId: undefined,
    leaseName: "atc",
    leaseNamespace: undefined,
    leaseDurationMs: 15_000,
    cacheFs: tmpdir(),
    moduleAllowList: [],
    moduleVerificationKeysPath: undefined,
    moduleRefreshMs: 300_000,
    dockerConfigSecretName: undefined,
    svcNamespace: undefined,
    logFormat: "json",
    verbose: false,
    customReadiness: true,
  });
  expect(concurrency).toBeGreaterThanOrEqual(8);
  expect(flightWorkers).toBeGreaterThanOrEqual(1);
});

describe("each setting", () => {
  const cases: [name: string, flag: string, text: string, key: keyof Config, value: unknown][] = [
    ["KUBE", "--kube", "/Tmp/Kube.yaml", "kube", "/Tmp/Kube.yaml"],
    ["LEADER_ID", "--leader-id", "atc-0", "leaderId", "atc-0"],
    ["LEASE_NAME", "--lease-name", "other", "leaseName", "other"],
    ["LEASE_NAMESPACE", "--lease-namespace", "system", "leaseNamespace", "system"],
    ["LEASE_DURATION", "--lease-duration", "1m30s", "leaseDurationMs", 90_000],
    ["KUBE_CONTEXT", "--kube-context", "demo", "kubeContext", "demo"],
    ["METRICS_ADDRESS", "--metrics-address", ":9000", "metricsAddress", { host: "0.0.0.0", port: 9000 }],
    ["METRICS_ADDRESS", "--metrics-address", "[::1]:0", "metricsAddress", { host: "::1", port: 0 }],
    ["METRICS_ADDRESS", "--metrics-address", "localhost:1", "metricsAddress", { host: "localhost", port: 1 }],
    ["PORT", "--port", "8443", "port", 8443],
    ["CONCURRENCY", "--concurrency", "3", "concurrency", 3],
    ["FLIGHT_WORKERS", "--flight-workers", "1", "flightWorkers", 1],
    ["CACHE_FS", "--cache-fs", "/var/cache", "cacheFs", "/var/cache"],
    [
      "MODULE_ALLOW_LIST",
      "--module-allow-list",
      "oci://a/*, https://b/*",
      "moduleAllowList",
      ["oci://a/*", "https://b/*"],
    ],
    [
      "MODULE_VERIFICATION_KEYS_PATH",
      "--module-verification-keys-path",
      "/k.json",
      "moduleVerificationKeysPath",
      "/k.json",
    ],
    ["MODULE_REFRESH_INTERVAL", "--module-refresh-interval", "1m30s", "moduleRefreshMs", 90_000],
    ["MODULE_REFRESH_INTERVAL", "--module-refresh-interval", "0", "moduleRefreshMs", Number.POSITIVE_INFINITY],
    ["DOCKER_CONFIG_SECRET_NAME", "--docker-config-secret-name", "login", "dockerConfigSecretName", "login"],
    ["SVC_NAMESPACE", "--svc-namespace", "atc", "svcNamespace", "atc"],
    ["LOG_FORMAT", "--log-format", "text", "logFormat", "text"],
  ];

  test.each(cases)("%s is a variable and %s a flag: %s", (name, flag, text, key, value) => {
    expect(config([], { [name]: text })[key]).toEqual(value);
    expect(config([flag, text])[key]).toEqual(value);
    expect(config([`${flag}=${text}`])[key]).toEqual(value);
  });

  test("is taken from the flag where both are given", () => {
    expect(config(["--port=1"], { PORT: "2" }).port).toBe(1);
    expect(config(["--no-verbose"], { VERBOSE: "true" }).verbose).toBe(false);
  });

  test("has its default where the variable is empty", () => {
    expect(config([], { PORT: "", KUBE: "" })).toMatchObject({ port: 3000, kube: undefined });
  });

  test.each([
    [["--verbose"], {}, true],
    [["--verbose=false"], {}, false],
    [[], { VERBOSE: "1" }, true],
    [[], { VERBOSE: "TRUE" }, true],
    [[], { VERBOSE: "false" }, false],
  ])("verbose by %j %j", (args, env, value) => {
    expect(config(args, env as Record<string, string>).verbose).toBe(value);
  });
});

describe("mistakes", () => {
  test.each<[string[], Record<string, string>, string, string]>([
    [["--kubeconfig=x"], {}, "CONFIG_FLAG_UNKNOWN", "there is no flag --kubeconfig"],
    [["-v"], {}, "CONFIG_FLAG_UNKNOWN", "-v"],
    [["--no-such"], {}, "CONFIG_FLAG_UNKNOWN", "--no-such"],
    [["--constructor=1"], {}, "CONFIG_FLAG_UNKNOWN", "--constructor"],
    [["run"], {}, "CONFIG_ARGUMENT_UNEXPECTED", '"run" is not expected'],
    [["--port"], {}, "CONFIG_VALUE_MISSING", "--port needs a value"],
    [["--no-port"], {}, "CONFIG_VALUE_MISSING", "--no-port"],
    [["--port=70000"], {}, "CONFIG_VALUE_INVALID", '--port: "70000" is not a port number'],
    [[], { PORT: "http" }, "CONFIG_VALUE_INVALID", 'PORT: "http"'],
    [[], { CONCURRENCY: "0" }, "CONFIG_VALUE_INVALID", 'CONCURRENCY: "0" is not a whole number from 1'],
    [[], { CONCURRENCY: "2.5" }, "CONFIG_VALUE_INVALID", "CONCURRENCY"],
    [[], { FLIGHT_WORKERS: "-1" }, "CONFIG_VALUE_INVALID", "FLIGHT_WORKERS"],
    [[], { LOG_FORMAT: "xml" }, "CONFIG_VALUE_INVALID", 'LOG_FORMAT: "xml" is not json or text'],
    [[], { VERBOSE: "maybe" }, "CONFIG_VALUE_INVALID", "VERBOSE"],
    [["--verbose=maybe"], {}, "CONFIG_VALUE_INVALID", "--verbose"],
    [["--metrics-address=9000"], {}, "CONFIG_VALUE_INVALID", "HOST:PORT"],
    [["--metrics-address=a:b:1"], {}, "CONFIG_VALUE_INVALID", "HOST:PORT"],
    [["--kube="], {}, "CONFIG_VALUE_INVALID", "--kube"],
  ])("%j %j", (args, env, code, words) => {
    const error = failure(args, env);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test("of any kind are told, never thrown raw", () => {
    const argument = fc.oneof(
      fc.string(),
      fc.string().map(text => `--${text}`),
      fc.constantFrom("--port", "--verbose", "--", "-h"),
    );
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 4 }), args => {
        try {
          parseConfig(args, {});
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
        }
      }),
    );
  });
});

test("custom readiness is there unless it is switched off", () => {
  expect(config([], { DISABLE_CUSTOM_READINESS: "true" }).customReadiness).toBe(false);
  expect(config(["--disable-custom-readiness"]).customReadiness).toBe(false);
  expect(config(["--no-disable-custom-readiness"], { DISABLE_CUSTOM_READINESS: "1" }).customReadiness).toBe(true);
});

describe("help", () => {
  test.each(["--help", "-h"])("%s lists every setting as flag and variable, whatever else is given", flag => {
    const command = parseConfig([flag, "--port=1"], { LOG_FORMAT: "xml" });
    if (command.kind !== "help") throw new Error("no help");
    for (const name of [
      ...["KUBE", "KUBE_CONTEXT", "METRICS_ADDRESS", "FLIGHT_WORKERS", "RENDER_BURST", "LEADER_ELECT", "WEBHOOK_URL"],
      // Those of yoke (contract §9).
      ...["PORT", "CONCURRENCY", "CACHE_FS", "MODULE_ALLOW_LIST", "MODULE_VERIFICATION_KEYS_PATH"],
      ...["DOCKER_CONFIG_SECRET_NAME", "DISABLE_CUSTOM_READINESS", "VERBOSE", "LOG_FORMAT"],
      ...["TLS_CA_CERT", "TLS_SERVER_CERT", "TLS_SERVER_KEY", "SVC_NAME", "SVC_NAMESPACE", "SVC_PORT"],
    ]) {
      expect(command.text).toContain(` ${name} `);
      expect(command.text).toContain(`--${name.toLowerCase().replaceAll("_", "-")}`);
    }
  });
});

test("the election is switched on or off, or left to where the controller runs", () => {
  expect(config(["--leader-elect"]).leaderElect).toBe(true);
  expect(config(["--no-leader-elect"], { LEADER_ELECT: "true" }).leaderElect).toBe(false);
  expect(config([], { LEADER_ELECT: "false" }).leaderElect).toBe(false);
  expect(failure(["--lease-duration=999ms"]).code).toBe("CONFIG_VALUE_INVALID");
});

test("the webhooks' URL is one that Kubernetes takes", () => {
  expect(config(["--webhook-url=https://127.0.0.1:3000/"]).webhookUrl).toBe("https://127.0.0.1:3000");
  expect(config(["--webhook-url=https://[::1]:3000"]).webhookUrl).toBe("https://[::1]:3000");
  for (const url of ["http://127.0.0.1:3000", "https://a/b", "https://a?b=c", "https://u:p@a", "127.0.0.1:3000"]) {
    expect(() => config([`--webhook-url=${url}`])).toThrow(/--webhook-url/);
  }
});
