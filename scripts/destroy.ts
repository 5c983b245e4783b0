/** `npm run destroy`: everything that `npm start` made is gone; the built tools stay. */
import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { run } from "./main.ts";
import { root } from "./paths.ts";
import { pulumiSteps, stateDir } from "./pulumiCli.ts";
import { repairStack } from "./repair.ts";
import { checkedName, configured, configuredStacks, stacksInUse } from "./stack.ts";
import { installEngine } from "./tools.ts";

const execute = promisify(execFile);

await run(async args => {
  const { values } = parseArgs({ args, options: { stack: { type: "string" } } });
  const asked = values.stack === undefined ? undefined : checkedName(values.stack);
  const running = asked === undefined ? await stacksInUse() : [asked];
  for (const stack of running) await destroyStack(stack);
  // What an interrupted create left is in no stack.
  const leftBehind = (asked === undefined ? configuredStacks() : [asked]).filter(stack =>
    existsSync(join(stateDir, stack)),
  );
  for (const stack of leftBehind) await sweep(stack);
  if (running.length === 0 && leftBehind.length === 0) return console.log("Nothing to destroy: no stack is up.");
  console.log("Gone: no process, no port and no cluster of ours is left. `npm run clean` removes the built tools too.");
});

async function destroyStack(stack: string): Promise<void> {
  console.log(`stack ${stack}`);
  await installEngine();
  await repairStack(stack);
  const { changes } = await pulumiSteps("destroy", stack);
  console.log(`  ${changes["delete"] ?? 0} resources deleted`);
}

/** Ends what is in the stack's state folder, whatever Pulumi knows of it. */
async function sweep(stack: string): Promise<void> {
  const state = join(".state", stack);
  const substrate = configured(stack, "substrate");
  // Our login to a cluster that stays; what was in it, Pulumi has removed.
  if (substrate === "existing") return rmSync(join(stateDir, stack), { recursive: true, force: true });
  const env = { ...process.env, NAME: configured(stack, "clusterName"), STATE: state };
  const commands: Readonly<Record<string, readonly string[]>> = {
    local: ["local/cli.ts", "down", "--all", "--state", state],
    kind: ["infra/kind/cli.ts", "cluster", "down"],
  };
  const command = commands[substrate];
  if (command) await execute(process.execPath, [...command], { cwd: root, env });
}
