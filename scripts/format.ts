/** `npm run format`: formats, sorts imports, and repairs what the linter can repair. */
import { run } from "./main.ts";
import { onTerminal } from "./testing/command.ts";

await run(async paths => {
  process.exitCode = await onTerminal("biome", ["check", "--write", ...paths]);
});
