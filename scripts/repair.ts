/**
 * What a killed run leaves in the stack, put right before the next one: a lock whose owner is gone, and operations
 * that nobody saw the end of.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { findProcesses } from "../local/processes.ts";
import { errors } from "./errors.ts";
import { backendDir, pulumiOutput } from "./pulumiCli.ts";

/** A lock of the file backend; source: pkg/backend/diy/lock.go of pulumi/pulumi. */
interface Lock {
  readonly pid: number;
  readonly hostname: string;
  readonly timestamp: string;
}

interface Deployment {
  readonly deployment?: { pending_operations?: readonly unknown[] };
}

/** @throws STACK_BUSY when another run is alive. */
export async function repairStack(stack: string): Promise<void> {
  const locks = readLocks(stack);
  const owner = locks.find(isAlive);
  if (owner) throw errors.STACK_BUSY({ stack, pid: owner.pid, since: owner.timestamp });
  if (locks.length > 0) {
    console.log(`  the last run on stack ${stack} was killed; its lock is removed`);
    await pulumiOutput(["cancel", "--stack", stack, "--yes"]);
  }
  await forgetPendingOperations(stack);
}

/**
 * The engine does not know how an interrupted create ended, and says so at each run until somebody clears it. Here
 * every create may run twice: commands look at what is there, objects are applied, secrets are written. So forget it.
 */
async function forgetPendingOperations(stack: string): Promise<void> {
  // Asking the engine takes half a second, so it is asked only when its file says that there is something.
  const file = backendPath("stacks", `${stack}.json`);
  if (!file || !existsSync(file) || !readFileSync(file, "utf8").includes('"pending_operations"')) return;
  const state = JSON.parse(await pulumiOutput(["stack", "export", "--stack", stack])) as Deployment;
  const count = state.deployment?.pending_operations?.length ?? 0;
  if (!state.deployment || count === 0) return;
  console.log(`  the last run on stack ${stack} was interrupted in ${count} operation(s); they are done again`);
  state.deployment.pending_operations = [];
  await pulumiOutput(["stack", "import", "--stack", stack], JSON.stringify(state));
}

/** Where the file backend keeps what is this project's. */
function backendPath(kind: "stacks" | "locks", name: string): string | undefined {
  const folder = backendDir();
  const project = kind === "locks" ? ["organization", "dynamic-mode"] : ["dynamic-mode"];
  return folder && join(folder, ".pulumi", kind, ...project, name);
}

function readLocks(stack: string): Lock[] {
  const folder = backendPath("locks", stack);
  if (!folder || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(file => file.endsWith(".json"))
    .flatMap(file => parseLock(join(folder, file)));
}

function parseLock(file: string): Lock[] {
  try {
    return [JSON.parse(readFileSync(file, "utf8")) as Lock];
  } catch {
    return [];
  }
}

/** Another machine's process cannot be seen from here, so it counts as alive. A pid that something else got does not. */
const isAlive = (lock: Lock): boolean =>
  lock.hostname !== hostname() ||
  findProcesses(command => command.includes("pulumi")).some(running => running.pid === lock.pid);
