import { defineErrors } from "../lib/errors.ts";

/** What can be wrong with the controller's own configuration. */
export const errors = defineErrors({
  CONFIG_FLAG_UNKNOWN: {
    message: (f: { flag: string }) => `there is no flag ${f.flag}`,
    todo: "See atc run --help for the list of flags.",
  },
  CONFIG_ARGUMENT_UNEXPECTED: {
    message: (f: { argument: string }) => `"${f.argument}" is not expected: the controller takes flags only`,
    todo: "See atc run --help for the list of flags.",
  },
  CONFIG_VALUE_INVALID: {
    message: (f: { source: string; value: string; expected: string }) =>
      `${f.source}: "${f.value}" is not ${f.expected}`,
    todo: "Correct the value; --help says what each setting means.",
  },
  CONFIG_TLS_INCOMPLETE: {
    message: () => "TLS_CA_CERT, TLS_SERVER_CERT and TLS_SERVER_KEY belong together, and not all are set",
    todo: "Set all three, or none: then the controller makes its certificates itself.",
  },
  CONFIG_VALUE_MISSING: {
    message: (f: { flag: string }) => `${f.flag} needs a value`,
    todo: "Write it as --flag=value or --flag value.",
  },
  CONFIG_SETTING_NEEDED: {
    message: (f: { setting: string; by: string }) => `${f.by} is set, and needs ${f.setting}`,
    todo: "Set both, or none; --help says what each setting means.",
  },
  CONFIG_FILE_UNREADABLE: {
    message: (f: { setting: string; path: string }) => `${f.setting}: ${f.path} cannot be read`,
    todo: "Check that the file exists and that the controller may read it.",
  },
});
