import { defineErrors } from "../../lib/errors.ts";

/** What can go wrong when a program is fetched and run. Messages carry the flight's own words, never its input. */
export const errors = defineErrors({
  FLIGHT_BAD_MODULE: {
    message: (f: { why: string }) => `the flight's module cannot be used: ${f.why}`,
    todo: "Build the flight with flights/build.ts, or check that the URL names the module and not another file.",
  },
  FLIGHT_FAILED: {
    message: (f: { what: string }) => `the flight failed: ${f.what}`,
    todo: "Correct the flight or the custom resource; the lines above are the flight's own stack.",
  },
  FLIGHT_TIMEOUT: {
    message: (f: { limit: string }) =>
      `module closed with context deadline exceeded: execution timeout (${f.limit}) exceeded`,
    todo: "Make the flight do less, or raise spec.timeout of its Airway.",
  },
  FLIGHT_OUT_OF_MEMORY: {
    message: (f: { limitMib: number }) => `the flight needs more than its ${f.limitMib} MiB of memory`,
    todo: "Make the flight hold less at a time, or raise spec.maxMemoryMib of its Airway.",
  },
  FLIGHT_OUTPUT_TOO_LARGE: {
    message: (f: { size: number; limit: number }) =>
      `the flight wrote ${f.size} characters of output; at most ${f.limit} are taken`,
    todo: "Render fewer or smaller objects.",
  },
  FLIGHT_TOO_MANY_LOOKUPS: {
    message: (f: { limit: number }) => `the flight asked the cluster more than ${f.limit} questions in one run`,
    todo: "Look up fewer objects, or keep what was found: each looked-up object is watched for as long as the instance is.",
  },
  FLIGHT_CRASHED: {
    message: (f: { why: string }) => `the flight took its sandbox worker down: ${f.why}`,
    todo: "Look for unbounded recursion or memory in the flight; other flights are not affected.",
  },
  FLIGHT_SANDBOX_CLOSED: {
    message: (_: Record<string, never>) => "the flight was not run: the controller is stopping",
    todo: "Nothing: the next start renders it.",
  },
});
