import { describeError } from "../lib/errors.ts";
import { errors } from "./errors.ts";

/** Runs a script: an error becomes its text and exit code 1. */
export async function run(script: (args: string[]) => Promise<void>): Promise<void> {
  try {
    await script(process.argv.slice(2));
  } catch (error) {
    console.error(
      `\n${describeError(isFromParseArgs(error) ? errors.SCRIPT_ARGUMENTS({ problem: error.message }) : error)}`,
    );
    process.exitCode = 1;
  }
}

const isFromParseArgs = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
