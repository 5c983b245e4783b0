/** `npm run pulumi -- <anything>`: the plain CLI, in the environment that `npm start` uses. */
import { run } from "./main.ts";
import { pulumiInteractive } from "./pulumiCli.ts";
import { installEngine } from "./tools.ts";

await run(async args => {
  await installEngine();
  process.exitCode = await pulumiInteractive(args);
});
