/** What a built binary depends on, as one hash: a changed recipe builds the tool anew. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { ToolRecipe } from "./catalog.ts";

/** The folder of a recipe's Go module. */
export const moduleDir = (recipe: ToolRecipe): string => fileURLToPath(new URL(recipe.folder, import.meta.url));

/** SHA-256 over what is built, how, and every file of the module's folder, in hexadecimal. */
export function recipeHash(recipe: ToolRecipe): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([recipe.version, recipe.package, recipe.overlaid, goArguments(recipe)]));
  const dir = moduleDir(recipe);
  for (const file of filesUnder(dir)) {
    hash.update(`\0${relative(dir, file).replaceAll(sep, "/")}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** The flags of `go build`. Paths are trimmed so that the same source gives the same binary anywhere. */
export const goArguments = (recipe: ToolRecipe): string[] => [
  "-trimpath",
  "-ldflags",
  ["-s -w", recipe.ldflags].filter(Boolean).join(" "),
];

export function filesUnder(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}
