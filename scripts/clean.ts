/** `npm run clean`: as if freshly cloned. What still runs is ended first, then the built tools and all state are gone. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { allDown } from "../local/down.ts";
import { findProcesses, type RunningProcess } from "../local/processes.ts";
import { errors } from "./errors.ts";
import { run } from "./main.ts";
import { root } from "./paths.ts";
import { onTerminal } from "./testing/command.ts";

const [toolsDir, stateDir] = [join(root, ".tools"), join(root, ".state")];

/** Processes of the substrate: they run a built tool, or have a state folder among their arguments. */
function stillRunning(): RunningProcess[] {
  const marks = [join(toolsDir, "bin/"), `${stateDir}/`];
  return findProcesses(command => marks.some(mark => command.includes(mark))).filter(({ pid }) => pid !== process.pid);
}

await run(async () => {
  // Pulumi's own record comes first: on kind and on a foreign cluster it alone knows what there is to remove.
  if (existsSync(join(stateDir, "pulumi"))) {
    const code = await onTerminal(process.execPath, [join(root, "scripts", "destroy.ts")]);
    if (code !== 0) throw errors.CLEAN_DESTROY_FAILED({});
  }
  for (const folder of substrateFolders()) await allDown(folder);

  const running = stillRunning();
  if (running.length > 0)
    throw errors.CLEAN_STILL_RUNNING({
      processes: running.map(({ pid, command }) => `${pid} ${command.slice(0, 100)}`),
    });
  for (const dir of [stateDir, toolsDir]) rmSync(dir, { recursive: true, force: true });
  console.log("Gone: .state (clusters, stacks, logs) and .tools (built tools, Node 24). `npm start` makes them again.");
});

/** Each cluster of the embedded substrate has a folder: of a stack, or of the end-to-end tests. */
function substrateFolders(): string[] {
  if (!existsSync(stateDir)) return [];
  return readdirSync(stateDir, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && entry.name !== "pulumi")
    .map(entry => join(stateDir, entry.name));
}
