/** `npm run chaos`: the tools, then test/chaos/main.ts. */
import { embeddedTools } from "../local/tools/catalog.ts";
import { ensureTools } from "../local/tools/tools.ts";
import { run } from "./main.ts";
import { onPath } from "./tools.ts";

await run(async args => {
  await onPath(ensureTools(embeddedTools));
  const { chaos } = await import("../test/chaos/main.ts");
  await chaos(args);
});
