/** `npm run atc -- <command>`: the tool `atc` (controller/cli/), on the stack that is up where nothing else is said. */
import { existsSync } from "node:fs";
import { kubeconfigPath } from "./cluster.ts";
import { configuredStacks } from "./stack.ts";

const running = configuredStacks().map(kubeconfigPath).find(existsSync);
if (!process.env["KUBECONFIG"] && running !== undefined) process.env["KUBECONFIG"] = running;
// Without a command it would be the controller.
if (process.argv.length === 2) process.argv.push("help");
await import("../controller/main.ts");
