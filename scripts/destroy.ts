/** `npm run destroy`: everything that `npm start` made is gone; the built tools stay. */
import { parseArgs } from "node:util";
import { run } from "./main.ts";
import { pulumiSteps } from "./pulumiCli.ts";
import { repairStack } from "./repair.ts";
import { chooseStack, stackInUse } from "./stack.ts";
import { installEngine } from "./tools.ts";

await run(async args => {
  const { values } = parseArgs({ args, options: { stack: { type: "string" } } });
  await installEngine();
  const stack = values.stack === undefined ? await stackInUse() : (await chooseStack(values.stack)).stack;
  if (stack === undefined) return console.log("Nothing is running: there is no stack to destroy.");
  console.log(`stack ${stack}`);
  await repairStack(stack);
  const { changes } = await pulumiSteps("destroy", stack);
  const count = changes["delete"] ?? 0;
  console.log(
    count === 0 ? "Nothing was there." : `${count} resources are gone: no process, no port, no cluster is left.`,
  );
  console.log("Start again with `npm start`; `npm run clean` removes the built tools too.");
});
