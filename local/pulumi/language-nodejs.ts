/**
 * Language host for `runtime: nodejs`: starts the program runner that the Pulumi SDK brings along.
 * It stands in for pulumi-language-nodejs and runs the same programs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { ServerWritableStream } from "@grpc/grpc-js";
import sdk from "@pulumi/pulumi/package.json" with { type: "json" };
import service from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { engineAddress, servePlugin, unary } from "./plugin.ts";
import { isObject, type Properties } from "./wire.ts";

/** The runner exits with it when it has shown the error to the user already. */
const EXIT_ERROR_SHOWN = 32;

const running = new Set<ChildProcess>();

function interrupt(): void {
  for (const child of running) child.kill("SIGINT");
}

/** Arguments of the SDK's runner, in the order that it expects. */
function runnerArguments(request: messages.RunRequest): string[] {
  const info = request.getInfo();
  const flags = {
    monitor: request.getMonitorAddress(),
    engine: engineAddress(),
    organization: request.getOrganization(),
    project: request.getProject(),
    "root-directory": info?.getRootDirectory() ?? "",
    stack: request.getStack(),
    pwd: request.getPwd(),
    parallel: String(request.getParallel()),
  };
  const given = Object.entries(flags).filter(([, value]) => value !== "");
  return [
    ...given.flatMap(([name, value]) => [`--${name}`, value]),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() ?? request.getProgram(),
    ...request.getArgsList(),
  ];
}

async function run(request: messages.RunRequest): Promise<messages.RunResponse> {
  const parsed = request.getInfo()?.getOptions()?.toJavaScript();
  const options: Properties = isObject(parsed) ? parsed : {};
  const nodeArguments = String(options.nodeargs ?? "")
    .split(/\s+/)
    .filter(Boolean);
  const programDirectory = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  const runner = createRequire(join(programDirectory, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  const child = spawn(process.execPath, [...nodeArguments, runner, ...runnerArguments(request)], {
    cwd: request.getPwd(),
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      ...(options.typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    },
  });
  running.add(child);
  const outcome = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  running.delete(child);

  const response = new messages.RunResponse();
  if (outcome === 0) return response;
  if (outcome === EXIT_ERROR_SHOWN) return response.setBail(true);
  return response.setError(
    typeof outcome === "number"
      ? `program exited with non-zero exit code: ${outcome}`
      : `program was ended by ${outcome}`,
  );
}

await servePlugin(
  service.LanguageRuntimeService,
  {
    handshake: unary(() => new messages.LanguageHandshakeResponse()),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(sdk.version)),
    getRequiredPlugins: unary(() => new messages.GetRequiredPluginsResponse()),
    getRequiredPackages: unary(() => new messages.GetRequiredPackagesResponse()),
    getProgramDependencies: unary(() => new messages.GetProgramDependenciesResponse()),
    runtimeOptionsPrompts: unary(() => new messages.RuntimeOptionsResponse()),
    template: unary(() => new messages.TemplateResponse()),
    about: unary(() => new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
    installDependencies: (call: ServerWritableStream<unknown, unknown>) => call.end(),
    run: unary(run),
    cancel: unary(() => {
      interrupt();
      return new empty.Empty();
    }),
  },
  interrupt,
);
