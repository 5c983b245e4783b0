/** `helm.v3.Release`, carried out by the program `helm`. Values go through its stdin and never to a disk. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { CodedError } from "../../lib/errors.ts";
import { errors } from "./errors.ts";
import { type ClusterChoice, clusterAccess } from "./kubeconfig.ts";
import { describeOutcome, type Finished, runProcess } from "./process.ts";
import { type CallContext, NotReadyError, type Resource } from "./provider.ts";
import { isObject, type Properties, UNKNOWN, type Value } from "./wire.ts";

const DEFAULT_TIMEOUT_SECONDS = 300;
/** helm ends by its own timeout first, and then says what was not ready. */
const GRACE_SECONDS = 30;

/** Inputs that are one flag of `helm upgrade --install`, if true. */
const SWITCHES: Readonly<Record<string, string>> = {
  atomic: "--atomic",
  cleanupOnFail: "--cleanup-on-fail",
  createNamespace: "--create-namespace",
  dependencyUpdate: "--dependency-update",
  devel: "--devel",
  disableCRDHooks: "--no-hooks",
  disableOpenapiValidation: "--disable-openapi-validation",
  disableWebhooks: "--no-hooks",
  forceUpdate: "--force",
  renderSubchartNotes: "--render-subchart-notes",
  resetValues: "--reset-values",
  reuseValues: "--reuse-values",
  skipCrds: "--skip-crds",
  takeOwnership: "--take-ownership",
  verify: "--verify",
  waitForJobs: "--wait-for-jobs",
};

/** Inputs with a value. */
const OPTIONS: Readonly<Record<string, string>> = {
  description: "--description",
  keyring: "--keyring",
  maxHistory: "--history-max",
  postrender: "--post-renderer",
  version: "--version",
};

const REPOSITORY: Readonly<Record<string, string>> = {
  repo: "--repo",
  username: "--username",
  password: "--password",
  caFile: "--ca-file",
  certFile: "--cert-file",
  keyFile: "--key-file",
};

const flags = (inputs: Properties, table: Readonly<Record<string, string>>): string[] =>
  Object.entries(table).flatMap(([name, option]) => (inputs[name] ? [option, String(inputs[name])] : []));

/** Everything after `helm`; values come on stdin. */
export function upgradeArguments(inputs: Properties): string[] {
  const switches = Object.entries(SWITCHES).flatMap(([name, option]) => (inputs[name] === true ? [option] : []));
  const repository = isObject(inputs.repositoryOpts) ? inputs.repositoryOpts : {};
  return [
    ...["upgrade", "--install", String(inputs.name), String(inputs.chart), "--values", "-", "--output", "json"],
    ...(inputs.skipAwait === true ? [] : ["--wait", "--timeout", `${inputs.timeout ?? DEFAULT_TIMEOUT_SECONDS}s`]),
    ...new Set(switches),
    ...flags(inputs, OPTIONS),
    ...flags(repository, REPOSITORY),
  ];
}

function merged(base: Properties, over: Properties): Properties {
  const entries = Object.entries(over).map(([key, value]): [string, Value] => {
    const under = base[key];
    return [key, isObject(under) && isObject(value) ? merged(under, value) : value];
  });
  return { ...base, ...Object.fromEntries(entries) };
}

/** Value files, the later over the earlier, and `values` over all of them. */
export function mergedValues(inputs: Properties): Properties {
  const files = Array.isArray(inputs.valueYamlFiles) ? inputs.valueYamlFiles : [];
  const documents = files.map((asset): Properties => {
    const text = isObject(asset) ? (asset.text ?? readFileSync(String(asset.path), "utf8")) : "";
    const document: unknown = parse(String(text));
    return isObject(document) ? document : {};
  });
  const values = isObject(inputs.values) ? inputs.values : {};
  return [...documents, values].reduce(merged, {});
}

/** A hash of a chart in a local folder, so that an edit of it is a change; undefined for any other chart. */
export function localChartChecksum(chart: string): string | undefined {
  if (!statSync(chart, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const hash = createHash("sha256");
  const entries = readdirSync(chart, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  for (const path of entries.map(entry => join(entry.parentPath, entry.name)).sort()) {
    hash
      .update(`${relative(chart, path)}\0`)
      .update(readFileSync(path))
      .update("\0");
  }
  return hash.digest("hex");
}

const idOf = (inputs: Properties): string => `${inputs.namespace}/${inputs.name}`;

function outputsOf(inputs: Properties, release: Properties): Properties {
  const info = isObject(release.info) ? release.info : {};
  const chart = isObject(release.chart) && isObject(release.chart.metadata) ? release.chart.metadata : {};
  const status = {
    appVersion: chart.appVersion ?? "",
    chart: chart.name ?? "",
    name: release.name ?? inputs.name ?? "",
    namespace: release.namespace ?? inputs.namespace ?? "",
    revision: release.version ?? 0,
    status: info.status ?? "",
    version: chart.version ?? "",
  };
  return { ...inputs, status, __inputs: inputs };
}

export interface ReleaseSettings {
  readonly cluster: ClusterChoice;
  /** For releases that name none. */
  readonly namespace: string;
  readonly deleteUnreachable: boolean;
}

export function helmRelease(settings: ReleaseSettings): Resource {
  const { cluster } = settings;

  /** Runs helm against the provider's cluster; the kubeconfig is in a file only as long as helm runs. */
  async function helm(
    args: readonly string[],
    namespace: string,
    context: CallContext,
    stdin?: string,
  ): Promise<Finished> {
    const folder = mkdtempSync(join(tmpdir(), "pulumi-helm-"));
    try {
      const text = cluster.kubeconfig;
      const path = text?.includes("\n") || text?.startsWith("{") ? join(folder, "kubeconfig") : text;
      if (text !== undefined && path !== undefined && path !== text) writeFileSync(path, text, { mode: 0o600 });
      const chosen = cluster.context === undefined ? [] : ["--kube-context", cluster.context];
      return await runProcess({
        program: "helm",
        args: [...args, "--namespace", namespace, ...chosen],
        env: { ...process.env, ...(path === undefined ? {} : { KUBECONFIG: path }) },
        stdin: stdin ?? "",
        signal: context.signal,
        onLine(stream, line) {
          // A look at the status may well end in "not found".
          if (stream === "stderr" && stdin !== undefined) context.log("info", line, true);
        },
      });
    } catch (error) {
      throw error instanceof Error && "code" in error && error.code === "ENOENT"
        ? errors.HELM_MISSING({}, error)
        : error;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  function failed(command: string, inputs: Properties, run: Finished, context: CallContext): CodedError {
    if (/cluster unreachable/i.test(run.stderr))
      return errors.KUBERNETES_UNREACHABLE({ server: clusterAccess(cluster).server });
    const outcome = describeOutcome(run.outcome, context.signal);
    return errors.HELM_FAILED({ command, id: idOf(inputs), outcome, output: run.stderr.trim() });
  }

  /** The release as helm has recorded it; undefined if there is none. */
  async function status(inputs: Properties, context: CallContext): Promise<Properties | undefined> {
    const run = await helm(["status", String(inputs.name), "--output", "json"], String(inputs.namespace), context);
    if (run.outcome === 0) return JSON.parse(run.stdout);
    if (/not found/i.test(run.stderr)) return undefined;
    throw failed("status", inputs, run, context);
  }

  async function uninstall(inputs: Properties, context: CallContext): Promise<void> {
    const args = ["uninstall", String(inputs.name), "--ignore-not-found", "--wait"];
    const timeout = ["--timeout", `${inputs.timeout ?? DEFAULT_TIMEOUT_SECONDS}s`];
    const run = await helm([...args, ...timeout], String(inputs.namespace), context);
    if (run.outcome !== 0) throw failed("uninstall", inputs, run, context);
  }

  /** A helm that was killed leaves a release which refuses every change: an install goes, an upgrade goes back. */
  async function endPending(inputs: Properties, context: CallContext): Promise<void> {
    const recorded = await status(inputs, context);
    const found = isObject(recorded?.info) ? String(recorded.info.status) : "";
    if (found === "pending-install") return await uninstall(inputs, context);
    if (!found.startsWith("pending-")) return;
    const run = await helm(["rollback", String(inputs.name)], String(inputs.namespace), context);
    if (run.outcome !== 0) throw failed("rollback", inputs, run, context);
  }

  async function upgrade(inputs: Properties, context: CallContext): Promise<Properties> {
    await endPending(inputs, context);
    const values = JSON.stringify(mergedValues(inputs));
    const run = await helm(upgradeArguments(inputs), String(inputs.namespace), context, values);
    if (run.outcome === 0) return outputsOf(inputs, JSON.parse(run.stdout));
    const error = failed("upgrade", inputs, run, context);
    if (context.signal.aborted) throw error;
    const recorded = await status(inputs, context);
    if (recorded === undefined) throw error;
    throw new NotReadyError({ id: idOf(inputs), outputs: outputsOf(inputs, recorded) }, error);
  }

  return {
    timeoutSeconds: inputs => Number(inputs.timeout ?? DEFAULT_TIMEOUT_SECONDS) + GRACE_SECONDS,
    secretOutputs: () => [],
    replaces: path => path[0] === "name" || path[0] === "namespace",
    deleteBeforeReplace: (olds, news) => idOf(olds) === idOf(news),

    check(inputs, { olds, proposedName }) {
      const checksum = typeof inputs.chart === "string" ? localChartChecksum(inputs.chart) : undefined;
      return {
        ...inputs,
        name: inputs.name ?? olds.name ?? proposedName,
        namespace: inputs.namespace ?? settings.namespace,
        ...(inputs.skipAwait === true ? {} : { timeout: inputs.timeout ?? DEFAULT_TIMEOUT_SECONDS }),
        ...(checksum === undefined ? {} : { checksum }),
      };
    },

    preview: inputs => ({ ...inputs, status: UNKNOWN, resourceNames: UNKNOWN }),

    create: async (inputs, context) => ({ id: idOf(inputs), outputs: await upgrade(inputs, context) }),

    update: (_id, inputs, _state, context) => upgrade(inputs, context),

    async read(id, state, inputs, context) {
      const [namespace = "", name = ""] = id.split("/");
      const release = await status({ namespace, name }, context);
      if (release === undefined) return undefined;
      const metadata = isObject(release.chart) && isObject(release.chart.metadata) ? release.chart.metadata : {};
      const config = isObject(release.config) ? release.config : {};
      const imported = { name, namespace, chart: metadata.name ?? "", version: metadata.version ?? "", values: config };
      if (Object.keys(inputs).length === 0) return { id, inputs: imported, outputs: outputsOf(imported, release) };
      // The engine leaves out what is in value files here, but whoever else changes a release adds a revision.
      const drifted = isObject(state.status) && state.status.revision !== release.version;
      const now = {
        ...inputs,
        ...(drifted ? { values: config } : {}),
        ...(inputs.version === undefined ? {} : { version: metadata.version ?? "" }),
      };
      return { id, inputs: now, outputs: { ...state, ...outputsOf(now, release) } };
    },

    async delete(id, state, _inputs, context) {
      const [namespace = "", name = ""] = id.split("/");
      await uninstall({ ...state, namespace, name }, context).catch((error: unknown) => {
        const isUnreachable = error instanceof CodedError && error.code === "KUBERNETES_UNREACHABLE";
        if (!settings.deleteUnreachable || !isUnreachable) throw error;
        context.log("warning", `${id} is forgotten: the API server does not answer`);
      });
    },
  };
}
