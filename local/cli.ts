/**
 * The embedded substrate's command line: what the Pulumi program's Commands run, and what a person may.
 *
 * Standard output carries the result and nothing else, as Pulumi stores it; progress and errors go to standard error.
 */
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { describeError } from "../lib/errors.ts";
import { localErrors } from "./errors.ts";
import { createdAsVariable, generationVariable, parseGeneration } from "./generation.ts";

const usage = `node local/cli.ts COMMAND --state DIR

  cluster up --name NAME      bring the cluster up or repair it; prints its kubeconfig
  cluster down --name NAME    end the cluster and remove its data
  service up NAME --spec -    run a service as the JSON on standard input says; prints its facts as JSON
  service down NAME           end a service
  probe                       print each part's generation as JSON; changes nothing, never fails
  status                      print what runs, where, since when
  down --all                  end everything in the state folder and remove the folder
`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    state: { type: "string" },
    name: { type: "string" },
    spec: { type: "string" },
    all: { type: "boolean" },
  },
});

/** Modules are loaded by the command that needs them: `probe` runs before every deployment and has to be quick. */
async function run(): Promise<string> {
  const [command, action, name] = positionals;
  if (command === undefined || command === "help") return usage;
  const stateDir = (await import("./state.ts")).resolveStateDir(required("state", options.state));
  const generation = parseGeneration(process.env[generationVariable]);
  const createdAs = parseGeneration(process.env[createdAsVariable]);
  switch ([command, command === "cluster" || command === "service" ? action : undefined].join(" ").trim()) {
    case "cluster up": {
      const { ensureCluster } = await import("./cluster.ts");
      const progress = (line: string) => console.error(line);
      const request = { stateDir, name: required("name", options.name), generation, createdAs, progress };
      return (await ensureCluster(request)).kubeconfig;
    }
    case "cluster down":
      return (await import("./down.ts")).clusterDown(stateDir, required("name", options.name));
    case "service up": {
      const { serviceUp } = await import("./supervisor/client.ts");
      const facts = await serviceUp(stateDir, { ...(await readSpec()), name: required("NAME", name) }, generation);
      return `${JSON.stringify(facts)}\n`;
    }
    case "service down":
      return (await import("./down.ts")).serviceDown(stateDir, required("NAME", name));
    case "probe":
      return `${JSON.stringify(await (await import("./probe.ts")).probe(stateDir))}\n`;
    case "status": {
      const { formatTable, statusRows } = await import("./status.ts");
      return `${formatTable(await statusRows(stateDir))}\n`;
    }
    case "down":
      if (options.all !== true) throw localErrors.LOCAL_USAGE({ problem: "down needs --all, as it ends everything" });
      return (await import("./down.ts")).allDown(stateDir);
    default:
      throw localErrors.LOCAL_USAGE({ problem: `there is no command ${positionals.join(" ")}` });
  }
}

function required(what: string, value: string | undefined): string {
  if (value === undefined || value === "") throw localErrors.LOCAL_USAGE({ problem: `${what} is missing` });
  return value;
}

async function readSpec(): Promise<object> {
  if (options.spec !== "-")
    throw localErrors.LOCAL_USAGE({ problem: "--spec must be -: the specification is read from standard input" });
  try {
    const value: unknown = JSON.parse(await text(process.stdin));
    if (typeof value === "object" && value !== null) return value;
    throw new Error("it is not an object");
  } catch (error) {
    throw localErrors.LOCAL_SPEC_INVALID({ problems: error instanceof Error ? error.message : String(error) });
  }
}

try {
  process.stdout.write(await run());
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
