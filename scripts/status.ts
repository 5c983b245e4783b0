/** `npm run status`: what runs, where it answers, where its logs are, and whether the controller is well. Asks the parts themselves, not Pulumi. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeError } from "../lib/errors.ts";
import { formatTable, statusRows } from "../local/status.ts";
import { readRecord } from "../local/supervisor/record.ts";
import { clientOf, kubeconfigPath } from "./cluster.ts";
import { healthAt, healthIn } from "./health.ts";
import { run } from "./main.ts";
import { stateDir } from "./pulumiCli.ts";
import { checkedName, configured, configuredStacks } from "./stack.ts";

await run(async args => {
  const { values } = parseArgs({ args, options: { stack: { type: "string" } } });
  const stacks = (values.stack === undefined ? configuredStacks() : [checkedName(values.stack)]).filter(stack =>
    existsSync(join(stateDir, stack)),
  );
  if (stacks.length === 0) console.log("Nothing runs: no stack is up. Bring one up with `npm start`.");
  for (const stack of stacks) console.log(`stack ${stack}\n${await statusOf(stack)}`);
});

async function statusOf(stack: string): Promise<string> {
  const state = join(stateDir, stack);
  if (configured(stack, "substrate") !== "local") {
    const health = indented(await clusterHealth(stack));
    return `  all of it runs in the cluster: KUBECONFIG=.state/${stack}/kubeconfig.yaml kubectl get pods --all-namespaces\n\n  controller\n${health}`;
  }
  const table = formatTable(await statusRows(state));
  const controller = readRecord(state, "controller");
  if (controller === undefined) return table;
  return `${table}\n\ncontroller\n${indented(await healthAt(controller.service.ready.url))}`;
}

async function clusterHealth(stack: string): Promise<string> {
  const kubeconfig = kubeconfigPath(stack);
  if (!existsSync(kubeconfig)) return "not known: the stack was never up";
  const client = clientOf(kubeconfig);
  return await healthIn(client)
    .catch(describeError)
    .finally(() => client.transport.close());
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
