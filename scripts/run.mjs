/**
 * `node scripts/run.mjs TASK [ARGUMENT…]`: what every npm script goes through.
 *
 * It begins on an old Node with nothing installed, fetches Node 24 and the dependencies from npm if need be, and runs
 * `scripts/TASK.ts` with them. Plain JavaScript, as an old Node must read it.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST = 18;
const running = Number(process.versions.node.split(".")[0]);
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (running < OLDEST) {
  console.error(`Node ${process.versions.node} is too old to begin with: ${OLDEST} is needed, 24 is best.
  Install a newer Node (https://nodejs.org) and run the command again. (SETUP_NODE_TOO_OLD, see docs/errors.md)`);
  process.exit(1);
}

// Imported late: the modules may use what Node before 18 cannot parse.
const { setUp } = await import("./setup/setup.mjs");
const { runTask } = await import("./setup/task.mjs");
const { SetupError } = await import("./setup/errors.mjs");

try {
  const [task, ...args] = process.argv.slice(2);
  const node = await setUp(root, task);
  process.exitCode = await runTask({ root, node, task, args });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}\n  ${error.todo} (${error.code}, see docs/errors.md)`);
  process.exitCode = 1;
}
