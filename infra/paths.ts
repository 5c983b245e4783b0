import { fileURLToPath } from "node:url";

/** The repository's folder: Pulumi runs the program in infra/, commands and paths in the configuration start here. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");
