import type { Flight, Instance, Resources, Stages } from "./flight.ts";
import { type Call, withCall } from "./host.ts";
import type { Resource } from "./kinds.ts";

/**
 * Turns a flight into what the sandbox calls. Done once per module, before any input is known.
 *
 * zod prepares a schema when it is first used; using it here puts that work into the state that all runs begin with,
 * which halves the time of a render.
 *
 * @public: the entry that flights/build.ts writes imports it
 */
export function program(flight: Flight): (call: Call) => string {
  flight.spec.safeParse({});
  return call => JSON.stringify(run(flight, call));
}

/** The rendered stages, in order. */
export function run(flight: Flight, call: Call): Resource[][] {
  const instance = JSON.parse(call.stdin) as Instance;
  const rendered = withCall(call, () =>
    flight.render({
      name: instance.metadata.name,
      namespace: instance.metadata.namespace ?? call.env["NAMESPACE"] ?? "default",
      spec: parseSpec(flight, instance.spec),
      instance,
      release: call.args[0] ?? "",
      env: call.env,
    }),
  );
  return listed(rendered);
}

function parseSpec(flight: Flight, spec: unknown): unknown {
  const parsed = flight.spec.safeParse(spec ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${["spec", ...path].join(".")}: ${message}`);
  throw new TypeError(problems.join("; "));
}

function listed(rendered: Resources | Stages): Resource[][] {
  const all = "stages" in rendered ? rendered.stages : [rendered];
  return all.map(stage => stage.filter(resource => resource !== undefined && resource !== false));
}
