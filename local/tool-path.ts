/** Finds a program on PATH, as a shell would. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { localErrors } from "./errors.ts";

/** @throws LOCAL_TOOL_MISSING */
export function findTool(name: string, path: string = process.env["PATH"] ?? ""): string {
  const found = path
    .split(delimiter)
    .filter(dir => dir !== "")
    .map(dir => join(dir, name))
    .find(isExecutableFile);
  if (found === undefined) throw localErrors.LOCAL_TOOL_MISSING({ tool: name });
  return found;
}

function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
