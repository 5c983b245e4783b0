import { describeError } from "../lib/errors.ts";

/** Runs a script: an error becomes its text and exit code 1. */
export async function run(script: (args: string[]) => Promise<void>): Promise<void> {
  try {
    await script(process.argv.slice(2));
  } catch (error) {
    console.error(`\n${describeError(error)}`);
    process.exitCode = 1;
  }
}
