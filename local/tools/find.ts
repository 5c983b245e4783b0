/** Finds tools that are there already: the user's own, then those built here. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findTool as findOnPath } from "../tool-path.ts";
import type { ToolName, ToolRecipe } from "./catalog.ts";
import { recipeHash } from "./recipe.ts";
import { formatVersion, isWithin, parseVersion } from "./version.ts";

const execute = promisify(execFile);

/** A tool that can be run. */
export interface ReadyTool {
  readonly name: ToolName;
  /** Absolute path of the binary. */
  readonly path: string;
  /** `1.34.4`, or `unknown` for a found tool that cannot be asked. */
  readonly version: string;
  readonly origin: "assets" | "path" | "built";
}

/** A binary of the right name and the wrong version. */
export interface RefusedTool {
  readonly path: string;
  readonly said: string;
}

export interface SearchPlaces {
  /** `.tools` of the repository. */
  readonly toolsDir: string;
  /** The user's `PATH`; `.tools/bin` on it does not count as the user's. */
  readonly path: string;
  /** The user's `KUBEBUILDER_ASSETS`, if set. */
  readonly assets: string | undefined;
}

export const binDir = (toolsDir: string): string => join(toolsDir, "bin");
export const binaryOf = (toolsDir: string, name: ToolName): string => join(binDir(toolsDir), name);
/** Names the recipe that the binary in `bin/` was built by. */
export const stampOf = (toolsDir: string, name: ToolName): string => join(toolsDir, "stamps", name);

/** The first usable binary: of `$KUBEBUILDER_ASSETS`, of PATH, of `.tools/bin`; and those refused on the way. */
export async function findTool(
  name: ToolName,
  recipe: ToolRecipe,
  places: SearchPlaces,
): Promise<{ found: ReadyTool | undefined; refused: RefusedTool[] }> {
  const refused: RefusedTool[] = [];
  for (const origin of ["assets", "path"] as const) {
    const path = lookUp(name, origin === "assets" ? (places.assets ?? "") : withoutOwn(places));
    if (path === undefined) continue;
    const said = await askVersion(path, recipe);
    const version = said === undefined ? undefined : parseVersion(said);
    if (said === undefined || isWithin(said, recipe.from, recipe.below)) {
      return { found: { name, path, version: version ? formatVersion(version) : "unknown", origin }, refused };
    }
    refused.push({ path, said: version ? formatVersion(version) : "no version" });
  }
  return { found: findBuilt(name, recipe, places.toolsDir), refused };
}

/** What was built here by the present recipe. */
export function findBuilt(name: ToolName, recipe: ToolRecipe, toolsDir: string): ReadyTool | undefined {
  const path = binaryOf(toolsDir, name);
  const stamp = stampOf(toolsDir, name);
  if (!existsSync(path) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== recipeHash(recipe)) return undefined;
  return { name, path, version: recipe.version, origin: "built" };
}

function lookUp(name: string, path: string): string | undefined {
  try {
    return resolve(findOnPath(name, path));
  } catch {
    return undefined;
  }
}

const withoutOwn = ({ path, toolsDir }: SearchPlaces): string =>
  path
    .split(delimiter)
    .filter(dir => dir !== "" && resolve(dir) !== resolve(binDir(toolsDir)))
    .join(delimiter);

/** What the tool says about its version; undefined when it cannot be asked, empty when it fails. */
async function askVersion(path: string, recipe: ToolRecipe): Promise<string | undefined> {
  if (recipe.versionArgs === undefined) return undefined;
  try {
    const { stdout, stderr } = await execute(path, [...recipe.versionArgs], { timeout: 10_000 });
    return `${stdout}\n${stderr}`;
  } catch {
    return "";
  }
}
