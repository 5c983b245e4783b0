/** Errors of finding and building the tools. */
import { defineErrors } from "../../lib/errors.ts";

const list = (names: readonly string[]) => names.join(", ");

export const toolErrors = defineErrors({
  TOOL_GO_MISSING: {
    message: (f: { missing: readonly string[] }) =>
      `these tools are neither on PATH nor in $KUBEBUILDER_ASSETS, and there is no Go to build them: ${list(f.missing)}`,
    todo: "Install Go 1.26 or newer (https://go.dev/dl), or put these binaries on PATH; then run the command again.",
  },
  TOOL_GO_UNUSABLE: {
    message: (f: { missing: readonly string[]; reason: string }) =>
      `Go is too old or does not work, so these tools cannot be built: ${list(f.missing)}\n  ${f.reason}`,
    todo: "Install Go 1.26 or newer, or allow it to fetch its own toolchain (GOTOOLCHAIN=auto), or put these binaries on PATH.",
  },
  TOOL_BUILD_FAILED: {
    message: (f: { name: string; version: string; log: string; tail: string }) =>
      `cannot build ${f.name} ${f.version}; the end of ${f.log}:\n${f.tail}`,
    todo: "Look at the log: a network error heals on the next run; else put a binary of this tool on PATH.",
  },
  TOOL_BUILD_STOPPED: {
    message: (f: { name: string }) => `the build of ${f.name} was stopped`,
    todo: "Run the command again: what was compiled so far is in Go's cache and is not compiled twice.",
  },
});
