/** `npm run secret -- <value>`: changes the secret, and shows how the change travels to the last pod. */
import { parseArgs } from "node:util";
import { checkValue } from "../infra/config.ts";
import { printedChain } from "./chain.ts";
import { backendRef, clientOf, stackOutputs, writeKubeconfig } from "./cluster.ts";
import { errors } from "./errors.ts";
import { run } from "./main.ts";
import { pulumiOutput, pulumiSteps } from "./pulumiCli.ts";
import { repairStack } from "./repair.ts";
import { checkedName, stackInUse } from "./stack.ts";
import { installEngine } from "./tools.ts";
import { watchChain } from "./watchChain.ts";

const USAGE = 'npm run secret -- "a new value" [--stack NAME]';
const ARRIVES_WITHIN_MS = 60_000;

await run(async args => {
  const { values, positionals } = parseArgs({
    args,
    options: { stack: { type: "string" } },
    allowPositionals: true,
  });
  const [value, ...more] = positionals;
  if (value === undefined || more.length > 0)
    throw errors.SCRIPT_USAGE({ problem: "one value is needed, in quotes if it has spaces", usage: USAGE });
  checkValue("secret", value);

  await installEngine();
  const stack = values.stack === undefined ? await stackInUse() : checkedName(values.stack);
  if (stack === undefined) throw errors.STACK_ABSENT({});
  await repairStack(stack);
  const outputs = await stackOutputs(stack);
  const client = clientOf(writeKubeconfig(stack, outputs.kubeconfig));
  const vault = { address: outputs.vaultAddress, token: outputs.vaultToken };
  const chain = await watchChain(client, vault, backendRef(outputs.backend)).catch(async (error: Error) => {
    await client.transport.close();
    throw errors.STACK_SILENT({ stack, problem: error.message }, error);
  });
  try {
    console.log(`stack ${stack}: pulumi config set secret, pulumi up`);
    // Through stdin: what is on a command line, everybody on the machine can read.
    await pulumiOutput(["config", "set", "--stack", stack, "--secret", "secret"], value);
    const { changes } = await pulumiSteps("up", stack);
    if (Object.keys(changes).length === 0)
      return console.log("\nThe value is the one that was there: nothing changes.");
    const missing = await chain.complete(ARRIVES_WITHIN_MS);
    console.log(`\n${printedChain(chain.links()).join("\n")}`);
    if (missing.length > 0)
      throw errors.CHAIN_BROKEN({ missing: missing.join(", "), seconds: ARRIVES_WITHIN_MS / 1000 });
  } finally {
    await chain.stop();
    await client.transport.close();
  }
});
