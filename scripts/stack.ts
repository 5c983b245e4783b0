/** Which stack a command means: the one that was named, the one in use, or what this machine can stand on. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { checkValue, MAX_SECRET_BYTES } from "../infra/config.ts";
import { errors } from "./errors.ts";
import { root } from "./paths.ts";
import { backendDir, pulumi, pulumiOutput } from "./pulumiCli.ts";
import { installEngine } from "./tools.ts";

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
  if (asked !== undefined) return { stack: checkedName(asked), why: "as asked" };
  const running = await stackInUse();
  if (running) return { stack: running, why: "it is the one in use" };
  const missing = await missingForKind();
  return missing === undefined
    ? { stack: "demo", why: "Docker and kind answer" }
    : { stack: "local", why: `${missing}, so the cluster is made of processes of this machine` };
}

/** @throws STACK_UNKNOWN */
export function checkedName(stack: string): string {
  const known = configuredStacks();
  if (!known.includes(stack)) throw errors.STACK_UNKNOWN({ stack, known });
  return stack;
}

/** Makes the stack the one that plain `pulumi` commands mean. */
export async function selectStack(stack: string): Promise<void> {
  await pulumiOutput(["stack", "select", "--create", stack]);
}

/** The stack with resources: the selected one, or the only one. */
export async function stackInUse(): Promise<string | undefined> {
  return (await stacksInUse())[0];
}

/** All stacks with resources, the selected one first. */
export async function stacksInUse(): Promise<string[]> {
  // On a fresh clone there is no engine yet to ask.
  const folder = backendDir();
  if (folder && !existsSync(join(folder, ".pulumi"))) return [];
  await installEngine();
  const { code, stdout } = await pulumi(["stack", "ls", "--json"]);
  if (code !== 0) return [];
  const rows = (JSON.parse(stdout) as StackRow[]).filter(row => (row.resourceCount ?? 0) > 0);
  return rows.sort((a, b) => Number(b.current) - Number(a.current)).map(row => row.name);
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

interface ProjectFile {
  readonly config?: Readonly<Record<string, { readonly default?: unknown }>>;
}
interface StackFile {
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A plain value of the stack's configuration, or its default; from the files, as the engine may not be built yet. */
export function configured(stack: string, key: string): string {
  const project = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as ProjectFile;
  const own = readStackFile(stack);
  return String(own.config?.[`dynamic-mode:${key}`] ?? project.config?.[key]?.default ?? "");
}

/** What AES-GCM adds to a value; source: sdk/go/common/resource/config/crypt.go of pulumi/pulumi. */
const TAG_BYTES = 16;

/**
 * Refuses a secret that is too long by the size of its encrypted form: the engine takes hours over a log filter for it,
 * and the program, which says what is wrong, cannot even be started with it in its environment.
 * @throws INFRA_CONFIG_INVALID
 */
export function checkSecretSize(stack: string): void {
  const own = readStackFile(stack).config?.["dynamic-mode:secret"];
  const plain = typeof own === "string" ? own : undefined;
  const encrypted = own instanceof Object && "secure" in own ? String(own.secure).split(":").at(-1) : undefined;
  if (plain !== undefined) checkValue("secret", plain);
  if (encrypted === undefined) return;
  const bytes = Buffer.from(encrypted, "base64").length - TAG_BYTES;
  if (bytes > MAX_SECRET_BYTES) checkValue("secret", "x".repeat(bytes));
}

const readStackFile = (stack: string): StackFile => {
  const file = join(root, `Pulumi.${stack}.yaml`);
  return existsSync(file) ? ((parse(readFileSync(file, "utf8")) as StackFile | null) ?? {}) : {};
};
