import { defineErrors } from "../../lib/errors.ts";

/** What the Pulumi stand-ins say when they cannot do what the program asks. */
export const errors = defineErrors({
  PULUMI_TYPE_UNKNOWN: {
    message: (f: { package: string; version: string; token: string }) =>
      `the ${f.package} stand-in does not know ${f.token}`,
    todo: "Install the official provider (pulumi plugin install resource NAME VERSION) or use a type that local/pulumi/ lists.",
  },
  PULUMI_INPUT_UNSUPPORTED: {
    message: (f: { package: string; token: string; input: string }) =>
      `the ${f.package} stand-in does not support ${f.input} of ${f.token}`,
    todo: "Leave the input out, or install the official provider (pulumi plugin install resource NAME VERSION).",
  },
  PULUMI_COMMAND_FAILED: {
    message: (f: { command: string; outcome: string; output: string }) =>
      `${f.outcome}: running "${f.command}":\n${f.output}`,
    todo: "Read the command's own output above, mend the cause and run it again.",
  },
});
