/** Stand-in for pulumi-resource-command: `local.Command` and `local.run`. Ids, outputs and replacements as there. */
import { randomBytes } from "node:crypto";
import sdk from "@pulumi/command/package.json" with { type: "json" };
import { errors } from "./errors.ts";
import { describeOutcome, type Finished, runProcess } from "./process.ts";
import { serveProvider } from "./protocol.ts";
import type { CallContext, Resource } from "./provider.ts";
import { hasSecret, isObject, type Properties, secret, UNKNOWN, unwrap, type Value } from "./wire.ts";

const COMMAND = "command:local:Command";
const RUN = "command:local:run";
const DEFAULT_TIMEOUT_SECONDS = 24 * 60 * 60;

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const strings = (value: Value | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);

function environment(inputs: Properties, previous: Properties | undefined): NodeJS.ProcessEnv {
  const given = isObject(inputs.environment) ? inputs.environment : {};
  const added = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  if (previous === undefined || inputs.addPreviousOutputInEnv === false) return { ...process.env, ...added };
  return {
    ...process.env,
    ...added,
    ...(previous.stdout ? { PULUMI_COMMAND_STDOUT: String(previous.stdout) } : {}),
    ...(previous.stderr ? { PULUMI_COMMAND_STDERR: String(previous.stderr) } : {}),
  };
}

function execute(script: string, inputs: Properties, env: NodeJS.ProcessEnv, context: CallContext): Promise<Finished> {
  const [program = "/bin/sh", ...args] = inputs.interpreter ? strings(inputs.interpreter) : ["/bin/sh", "-c"];
  const logging = String(inputs.logging ?? "stdoutAndStderr").toLowerCase();
  return runProcess({
    program,
    args: [...args, script],
    cwd: typeof inputs.dir === "string" ? inputs.dir : undefined,
    env,
    stdin: typeof inputs.stdin === "string" ? inputs.stdin : "",
    signal: context.signal,
    onLine(stream, line) {
      if (logging.includes(stream)) context.log("info", line);
    },
  });
}

async function runScript(
  script: Value | undefined,
  inputs: Properties,
  previous: Properties | undefined,
  context: CallContext,
): Promise<Output> {
  for (const input of ["assetPaths", "archivePaths"]) {
    if (inputs[input] !== undefined)
      throw errors.PULUMI_INPUT_UNSUPPORTED({ package: sdk.name, token: COMMAND, input });
  }
  if (typeof script !== "string") return { stdout: "", stderr: "" };
  const { outcome, text, stdout, stderr } = await execute(script, inputs, environment(inputs, previous), context);
  if (outcome !== 0) {
    throw errors.PULUMI_COMMAND_FAILED({
      command: script,
      outcome: describeOutcome(outcome, context.signal),
      output: text,
    });
  }
  return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
}

const command: Resource = {
  timeoutSeconds: () => DEFAULT_TIMEOUT_SECONDS,
  replaces: path => path[0] === "triggers",
  secretOutputs: inputs => (hasSecret(inputs) ? ["stdout", "stderr"] : []),

  preview(inputs, state) {
    // Without a script for it, an update leaves the outputs as they are.
    const runs = state === undefined || inputs.update !== undefined || inputs.create !== undefined;
    const known = { stdout: state?.stdout ?? "", stderr: state?.stderr ?? "" };
    return { ...inputs, ...(runs ? { stdout: UNKNOWN, stderr: UNKNOWN } : known) };
  },

  async create(inputs, context) {
    const output = await runScript(inputs.create, inputs, undefined, context);
    return { id: `${context.name}${randomBytes(4).toString("hex")}`, outputs: { ...inputs, ...output } };
  },

  async update(_id, inputs, state, context) {
    return { ...inputs, ...(await runScript(inputs.update ?? inputs.create, inputs, state, context)) };
  },

  async delete(_id, state, _inputs, context) {
    await runScript(state.delete, state, state, context);
  },
};

await serveProvider({
  name: "command",
  version: sdk.version,
  resource: type => (type === COMMAND ? command : undefined),
  async invoke(token, args, context) {
    if (token !== RUN) return undefined;
    const plain = unwrap(args);
    const { stdout, stderr } = await runScript(plain.command, plain, undefined, context);
    const seal = (value: string): Value => (hasSecret(args) ? secret(value) : value);
    return { ...args, stdout: seal(stdout), stderr: seal(stderr) };
  },
});
