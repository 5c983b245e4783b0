/**
 * The source of a tool with some packages of its own.
 *
 * A command whose list of plugins is a package of its own can be built without most of them by replacing that package.
 * Go refuses `-overlay` for files of its module cache, so the module is copied, the packages under `FOLDER/overlay`
 * take the place of those of the same path, and a `replace` in a copy of go.mod points there.
 */
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import type { ToolRecipe } from "./catalog.ts";
import { filesUnder, moduleDir } from "./recipe.ts";

const execute = promisify(execFile);

/** Prepares the copy under `sourceDir` and returns the folder to run `go build` in. */
export async function overlaySource(
  recipe: ToolRecipe,
  sourceDir: string,
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<string> {
  if (recipe.overlaid === undefined) return moduleDir(recipe);
  const upstream = join(sourceDir, "upstream");
  // Checked against the module's go.sum.
  const download = await execute("go", ["mod", "download", "-json", recipe.overlaid], {
    cwd: moduleDir(recipe),
    ...options,
  });
  const { Dir: cached } = JSON.parse(download.stdout) as { Dir: string };

  rmSync(sourceDir, { recursive: true, force: true });
  copyTree(cached, upstream);
  for (const dir of overlaidPackages(recipe)) rmSync(join(upstream, dir), { recursive: true, force: true });
  copyTree(join(moduleDir(recipe), "overlay"), upstream);
  for (const file of ["go.mod", "go.sum"]) copyFileSync(join(moduleDir(recipe), file), join(sourceDir, file));
  await execute("go", ["mod", "edit", "-replace", `${recipe.overlaid}=./upstream`], { cwd: sourceDir, ...options });
  return sourceDir;
}

/** The package folders of the overlay, as paths in the module. */
function overlaidPackages(recipe: ToolRecipe): string[] {
  const overlay = join(moduleDir(recipe), "overlay");
  return [...new Set(filesUnder(overlay).map(file => relative(overlay, dirname(file))))];
}

/** Files of Go's module cache are read-only; the copies are not. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyTree(source, target);
    else {
      copyFileSync(source, target);
      chmodSync(target, 0o644);
    }
  }
}
