import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder: Pulumi runs the program in infra/, commands and paths in the configuration start here. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");

/** A path that starts at the repository's folder. */
export const fromRoot = (path: string): string => join(root, path);
