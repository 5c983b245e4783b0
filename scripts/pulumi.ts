/** `npm run pulumi -- <anything>`: the plain CLI, in the environment that `npm start` uses. */
import { run } from "./main.ts";
import { pulumiInteractive } from "./pulumiCli.ts";
import { checkSecretSize, configuredStacks } from "./stack.ts";
import { installEngine } from "./tools.ts";

/** The commands that start the program, which an overlong secret would prevent. */
const runsProgram: ReadonlySet<string> = new Set(["up", "update", "preview", "pre"]);

await run(async args => {
  await installEngine();
  if (args.some(arg => runsProgram.has(arg))) for (const stack of configuredStacks()) checkSecretSize(stack);
  process.exitCode = await pulumiInteractive(args);
});
