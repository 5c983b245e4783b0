/** Which stack a command means: the one that was named, the one in use, or what this machine can stand on. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { errors } from "./errors.ts";
import { root } from "./paths.ts";
import { pulumi } from "./pulumiCli.ts";

const execute = promisify(execFile);

export interface Choice {
  readonly stack: string;
  /** Why, to be read after "stack NAME: ". */
  readonly why: string;
}

interface StackRow {
  readonly name: string;
  readonly current: boolean;
  readonly resourceCount?: number;
}

/** Names of the stacks that have a Pulumi.NAME.yaml. */
export const configuredStacks = (): string[] =>
  readdirSync(root).flatMap(file => /^Pulumi\.([\w-]+)\.yaml$/.exec(file)?.[1] ?? []);

/** @throws STACK_UNKNOWN */
export async function chooseStack(asked: string | undefined): Promise<Choice> {
  if (asked !== undefined) {
    const known = configuredStacks();
    if (!known.includes(asked)) throw errors.STACK_UNKNOWN({ stack: asked, known });
    return { stack: asked, why: "as asked" };
  }
  const running = await stackInUse();
  if (running) return { stack: running, why: "it is up already" };
  const missing = await missingForKind();
  return missing === undefined
    ? { stack: "demo", why: "Docker and kind answer" }
    : { stack: "local", why: `${missing}, so the cluster is made of processes of this machine` };
}

/** The stack with resources: the selected one, or the only one. */
export async function stackInUse(): Promise<string | undefined> {
  const { code, stdout } = await pulumi(["stack", "ls", "--json"]);
  if (code !== 0) return undefined;
  const rows = (JSON.parse(stdout) as StackRow[]).filter(row => (row.resourceCount ?? 0) > 0);
  return (rows.find(row => row.current) ?? rows[0])?.name;
}

/** What the kind stack lacks on this machine, in words; undefined when nothing. */
async function missingForKind(): Promise<string | undefined> {
  if (!(await answers("docker", ["version", "--format", "{{.Server.Version}}"]))) return "no Docker engine answers";
  if (!(await answers("kind", ["version"]))) return "kind is not installed";
  return undefined;
}

async function answers(tool: string, args: readonly string[]): Promise<boolean> {
  try {
    await execute(tool, args, { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
