/** `npm start`: from a clone to a running system; again, to what has changed or broken since. */
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { checkValue } from "../infra/config.ts";
import { backendReady, backendRef, clientOf, type StackOutputs, stackOutputs, writeKubeconfig } from "./cluster.ts";
import { errors } from "./errors.ts";
import { run } from "./main.ts";
import { root } from "./paths.ts";
import { pulumiSteps } from "./pulumiCli.ts";
import { repairStack } from "./repair.ts";
import { checkSecretSize, chooseStack, configured, selectStack } from "./stack.ts";
import { installEngine, installLocalTools } from "./tools.ts";

const READY_WITHIN_MS = 60_000;

await run(async args => {
  const { values } = parseArgs({ args, options: { stack: { type: "string" } } });
  const times = stopwatch();
  const { stack, why } = await chooseStack(values.stack);
  console.log(`stack ${stack}: ${why}`);
  checkSecretSize(stack);
  // The program checks all settings; this one decides which tools are built before it runs.
  const substrate = checkValue("substrate", configured(stack, "substrate"));
  if (substrate === "local")
    await installLocalTools({ name: configured(stack, "clusterName"), state: `.state/${stack}` });
  else await installEngine({ charts: true });
  await selectStack(stack);
  await repairStack(stack);
  times.lap("tools and stack");

  const { changes } = await pulumiSteps("up", stack);
  times.lap("pulumi up");

  const outputs = await stackOutputs(stack);
  const kubeconfig = writeKubeconfig(stack, outputs.kubeconfig);
  const client = clientOf(kubeconfig);
  const problem = await backendReady(client, backendRef(outputs.backend), READY_WITHIN_MS);
  await client.transport.close();
  if (problem !== undefined) throw errors.BACKEND_NOT_READY({ backend: outputs.backend, problem });
  times.lap("Backend Ready");

  const count = Object.values(changes).reduce((sum, changed) => sum + changed, 0);
  console.log(`\n${count === 0 ? "Nothing had to change." : "Done."} ${times.text()}`);
  console.log(summary(outputs, relative(root, kubeconfig)));
});

function summary(outputs: StackOutputs, kubeconfig: string): string {
  return `
What exists now
  Backend      ${outputs.backend}, Ready: its Deployment runs with the secret's value
  Vault        ${outputs.vaultAddress} (token: npm run pulumi -- stack output vaultToken --show-secrets)
  controller   ${controllerAddress(outputs.controller, kubeconfig)}
  cluster      KUBECONFIG=${kubeconfig} kubectl get backends,externalsecrets,deployments,pods

Try next
  npm run secret -- "hello again"                        change the secret and watch the Deployment roll
  npm run pulumi -- config set replicas 3                then \`npm start\` again
  npm run status                                         what runs, and where its logs are
  npm run destroy                                        end all of it`;
}

/** Where its metrics are; those of a pod, this machine reaches through a tunnel alone. */
function controllerAddress(address: string, kubeconfig: string): string {
  const [, name, namespace] = /^http:\/\/([\w-]+)\.([\w-]+)\.svc$/.exec(address) ?? [];
  if (name === undefined) return `${address}/metrics`;
  return `KUBECONFIG=${kubeconfig} kubectl -n ${namespace} port-forward service/${name} 9464:80, then http://127.0.0.1:9464/metrics`;
}

/** Seconds of each part. */
function stopwatch() {
  const laps: string[] = [];
  const begin = Date.now();
  let last = begin;
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
  return {
    lap(name: string) {
      laps.push(`${name} ${seconds(Date.now() - last)}`);
      last = Date.now();
    },
    text: () => `${seconds(last - begin)} in all: ${laps.join(", ")}.`,
  };
}
