/** `npm run bench`: the tools, then bench/index.ts. */
import { embeddedTools } from "../local/tools/catalog.ts";
import { ensureTools } from "../local/tools/tools.ts";
import { run } from "./main.ts";
import { onPath } from "./tools.ts";

await run(async () => {
  await onPath(ensureTools(embeddedTools));
  await import("../bench/index.ts");
});
