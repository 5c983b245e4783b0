/**
 * The commands of `atc`, in kubectl's manners: `-n`, `--context`, `--kubeconfig`, `-o`, `-f`. What is asked for goes to
 * the standard output, notes and errors to the other one.
 *
 * Exit status: 0; 1 for errors; of `diff` 1 for differences and 2 for errors.
 */

import { createInterface } from "node:readline/promises";
import { Command, CommanderError, Option } from "commander";
import { type CodedError, describeError } from "../../lib/errors.ts";
import { type Answer, formats, printed } from "./answer.ts";
import { type ClusterOptions, withCluster } from "./cluster.ts";
import { diff } from "./commands/diff.ts";
import { history } from "./commands/history.ts";
import { preview } from "./commands/preview.ts";
import { render } from "./commands/render.ts";
import { type RoleOptions, role } from "./commands/role.ts";
import { rollback } from "./commands/rollback.ts";
import { why } from "./commands/why.ts";
import { errors } from "./errors.ts";
import { printable } from "./format.ts";

interface Common extends ClusterOptions {
  readonly output?: (typeof formats)[number];
}

export interface Invocation {
  /** Without the program's own name. */
  readonly args: readonly string[];
  /** As it is called, such as `kubectl atc`. */
  readonly name: string;
}

/** Runs one command and returns its exit status. */
export async function runCommand({ args, name }: Invocation): Promise<number> {
  process.stdout.once("error", endWithReader);
  const status = { code: 0 };
  const program = programOf(name, status);
  try {
    await program.parseAsync([...args], { from: "user" });
    return status.code;
  } catch (error) {
    // Help that was asked for has been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    write(
      process.stderr,
      `${name}: ${printable(describeError(error instanceof CommanderError ? usageError(error) : error))}\n`,
    );
    return args[0] === "diff" ? 2 : 1;
  } finally {
    process.stdout.off("error", endWithReader);
  }
}

/** Who reads, such as `head`, has enough. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}

function usageError({ message }: CommanderError): CodedError {
  return errors.CLI_USAGE({ problem: message.replace(/^error: /, "") });
}

function programOf(name: string, status: { code: number }): Command {
  const program = new Command(name)
    .description(
      "The Air Traffic Controller, and what it knows: why something rolled, what would change, the way back.",
    )
    .usage("[command]")
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError()
    .helpCommand("help [command]", "tell about a command")
    .addHelpText("after", helpAfter(name));
  // Its settings have a table of their own (settings.ts); see main.ts.
  program.command("run").description(`run the controller; settings: ${name} run --help`);

  /** Adds the options that all commands share, and prints what the command answers. */
  const command = <Options>(
    usage: string,
    about: string,
    examples: readonly string[],
    act: (words: string[], options: Common & Options) => Promise<Answer>,
  ): Command =>
    program
      .command(usage)
      .description(about)
      .option("-n, --namespace <name>", "namespace, instead of the context's")
      .option("--context <name>", "context of the kubeconfig, instead of the current one")
      .option("--kubeconfig <path>", "kubeconfig, instead of KUBECONFIG or ~/.kube/config")
      .addOption(new Option("-o, --output <format>", "for machines").choices([...formats]))
      .addHelpText("after", `\nExamples:\n${examples.map(example => `  ${name} ${example}`).join("\n")}`)
      .action(async (...given: unknown[]) => {
        const [options, , ...reversed] = [given.at(-2), given.at(-1), ...given.slice(0, -2)];
        const answer = await act(reversed.flat().filter(isText), options as Common & Options);
        write(process.stdout, printed(answer, (options as Common).output));
        status.code = answer.exitCode ?? 0;
      });

  command<RenderOptions>(
    "render",
    "print what a flight makes of an instance, a Flight or a ClusterFlight: offline, or with a cluster's objects",
    [
      "render -f airway.yaml -f backend.yaml",
      "render -f airway.yaml -f backend.yaml --lookups cluster/ --flight dist/flight.js",
      "render --live -f backend.yaml | kubectl apply --dry-run=server -f -",
    ],
    (_, options) => {
      const { filename, lookups = [], flight, showSecrets = false, live = false, namespace } = options;
      const common = { filename, lookups, showSecrets, note, ...(flight === undefined ? {} : { flight }) };
      if (!live) return render({ ...common, namespace: namespace ?? "default" });
      return withCluster(options, cluster => render({ ...common, namespace: cluster.namespace, live: cluster }));
    },
  )
    .requiredOption(
      "-f, --filename <path>",
      "file or folder of what to render and its Airway; - is the standard input",
      several,
    )
    .option("--lookups <path>", "file or folder of the objects that the flight can look up", several)
    .option("--flight <module>", "path or URL of a module to take instead")
    .option("--live", "look up in the cluster what the files do not have")
    .option("--show-secrets", "print what Secrets hold");

  command(
    "why <object...>",
    "tell why a release rolled: the last causes, what they changed, how its objects are",
    ["why backend/nginx", "why deployment/nginx -n shop", "why backends.examples.com nginx -o yaml"],
    (words, options) => withCluster(options, cluster => why(cluster, words, Date.now())),
  );

  command(
    "history <object...>",
    "list the revisions of a release, and what made each",
    ["history backend/nginx", "history flight/tools -o json"],
    (words, options) => withCluster(options, cluster => history(cluster, words, Date.now())),
  );

  command<{ revision?: string[] }>(
    "diff <object...>",
    "show what a render now would change; with --revision what that revision would, or how two revisions differ",
    ["diff backend/nginx", "diff backend/nginx --revision 3", "diff backend/nginx --revision 2 3"],
    (words, options) => withCluster(options, cluster => diff(cluster, words, options.revision ?? [])),
  ).option("--revision <revision>", "number or name of a revision; of a second one after it, too", several);

  command<{ undo?: boolean; yes?: boolean }>(
    "rollback <object...>",
    "put a release back to a revision and keep it there, until --undo",
    ["rollback backend/nginx", "rollback backend/nginx 2 -y", "rollback backend/nginx --undo"],
    (words, options) =>
      withCluster(options, cluster =>
        rollback(cluster, words, {
          undo: options.undo === true,
          confirm: options.yes === true ? async () => true : confirm,
        }),
      ),
  )
    .option("--undo", "render it again")
    .option("-y, --yes", "do not ask");

  command<{ filename?: string[]; airway?: string; flight?: string }>(
    "preview",
    "show which releases would change, and how, if an object changed: a Secret, an instance, an Airway, a flight",
    [
      "preview -f secret.yaml",
      "preview -f airway.yaml -f backend.yaml",
      "preview --airway backends.examples.com --flight dist/flight.js",
    ],
    (_, options) => {
      const { filename = [], airway, flight } = options;
      const chosen = { ...(airway === undefined ? {} : { airway }), ...(flight === undefined ? {} : { flight }) };
      if (filename.length === 0 && airway === undefined)
        throw errors.CLI_USAGE({ problem: "give -f, or --airway and --flight" });
      return withCluster(options, cluster => preview(cluster, { ...chosen, filename, note }));
    },
  )
    .option("-f, --filename <path>", "file or folder of the changed objects; - is the standard input", several)
    .option("--airway <name>", "Airway that would get another flight")
    .option("--flight <module>", "path or URL of that flight");

  command<RoleOptions>(
    "role <airway>",
    "print a ServiceAccount with the least rights for an Airway's flight, by its matchers and its releases so far",
    ["role backends.examples.com | kubectl apply -f -", "role backends.examples.com --account team/backend-flight"],
    (words, options) => withCluster(options, cluster => role(cluster, words, options)),
  )
    .option("--account <[namespace/]name>", "the account, instead of the one that the Airway names")
    .option("--controller <namespace/name>", "account of the controller, which is to act as the other", "atc/atc");

  return program;
}

interface RenderOptions {
  readonly filename: string[];
  readonly lookups?: string[];
  readonly flight?: string;
  readonly showSecrets?: boolean;
  readonly live?: boolean;
}

function helpAfter(name: string): string {
  return `
An object is named as kubectl names it: backend/nginx, or backends.examples.com nginx.
What a release made leads to its release, so deployment/nginx will do.

Without a command, ${name.startsWith("kubectl") ? "this is printed" : "the controller runs"}.`;
}

function several(path: string, former: string[] = []): string[] {
  return [...former, path];
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function note(text: string): void {
  write(process.stderr, `note: ${text}\n`);
}

async function confirm(preview: string, question: string): Promise<boolean> {
  write(process.stderr, `${preview}\n\n`);
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(text);
}
