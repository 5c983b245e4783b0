/** `npm run status`: what runs, where it answers and where its logs are. Asks the parts themselves, not Pulumi. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatTable, statusRows } from "../local/status.ts";
import { run } from "./main.ts";
import { stateDir } from "./pulumiCli.ts";
import { configured, configuredStacks } from "./stack.ts";

await run(async args => {
  parseArgs({ args });
  const stacks = configuredStacks().filter(stack => existsSync(join(stateDir, stack)));
  if (stacks.length === 0) console.log("Nothing runs: no stack is up. Bring one up with `npm start`.");
  for (const stack of stacks) console.log(`stack ${stack}\n${await statusOf(stack)}`);
});

async function statusOf(stack: string): Promise<string> {
  if (configured(stack, "substrate") === "local") return formatTable(await statusRows(join(stateDir, stack)));
  return `  all of it runs in the cluster: KUBECONFIG=.state/${stack}/kubeconfig.yaml kubectl get pods --all-namespaces`;
}
