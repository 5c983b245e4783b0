import { answerReview, type Converter } from "./converter.ts";
import { FlightFailure } from "./fail.ts";
import type { Flight, Instance, RenderRequest, Resources, Stages } from "./flight.ts";
import { type Call, type CallOutput, withCall } from "./host.ts";
import type { Resource } from "./kinds.ts";
import type { Program } from "./program.ts";

/** What a module may export by default. */
export type Module = Flight | Program | Converter;

/**
 * Turns it into what the sandbox calls. Done once per module, before any input is known.
 *
 * zod prepares a schema when it is first used; using it here puts that work into the state that all runs begin with,
 * which halves the time of a render.
 *
 * @public: the entry that flights/build.ts writes imports it
 */
export function entryOf(module: Module): (call: Call) => CallOutput {
  if (module.type === "converter") return ({ stdin }) => answerReview(module, stdin);
  const schema = module.type === "flight" ? module.spec : module.input;
  schema?.safeParse({});
  return call => outputOf(() => run(module, call));
}

function outputOf(render: () => Resource[][]): CallOutput {
  try {
    return JSON.stringify(render());
  } catch (error) {
    if (!(error instanceof FlightFailure)) throw error;
    return {
      exitCode: 1,
      stdout: error.output.length === 0 ? "" : JSON.stringify(error.output),
      stderr: error.message,
    };
  }
}

/** The rendered stages, in order. */
export function run(module: Flight | Program, call: Call): Resource[][] {
  const render = () =>
    module.type === "flight" ? module.render(requestOf(module, call)) : renderProgram(module, call);
  return listed(withCall(call, render));
}

function requestOf(flight: Flight, call: Call): RenderRequest<unknown> {
  const instance = JSON.parse(call.stdin) as Instance;
  const { apiVersion, kind, metadata } = instance;
  const { name, namespace } = metadata;
  return {
    name,
    namespace: namespace ?? call.env["NAMESPACE"] ?? "default",
    spec: parsed(flight.spec, instance.spec ?? {}, "spec"),
    instance,
    release: call.args[0] ?? "",
    env: call.env,
    withStatus: status =>
      ({ apiVersion, kind, metadata: { name, ...(namespace && { namespace }) }, status }) as Resource,
  };
}

function renderProgram({ input: schema, render }: Program, { stdin, args, env }: Call): Resources | Stages {
  const input = schema ? parsed(schema, stdin === "" ? {} : JSON.parse(stdin), "input") : stdin;
  const [release = "", ...others] = args;
  return render({ input, release, namespace: env["NAMESPACE"] ?? "default", args: others, env });
}

function parsed(schema: Flight["spec"], value: unknown, root: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${[root, ...path].join(".")}: ${message}`);
  throw new TypeError(problems.join("; "));
}

function listed(rendered: Resources | Stages): Resource[][] {
  const all = "stages" in rendered ? rendered.stages : [rendered];
  return all.map(stage => stage.filter(resource => resource !== undefined && resource !== false));
}
