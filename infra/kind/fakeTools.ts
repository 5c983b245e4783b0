/** `docker` and `kind` for tests: shell scripts that keep a cluster as a file and fail where they are told to. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const docker = `#!/bin/sh
echo "docker $*" >>"$FAKE/calls"
case "$1" in
  version) [ -e "$FAKE/no-docker" ] && { echo "Cannot connect to the Docker daemon" >&2; exit 1; }; case "$*" in *Arch*) echo linux/amd64 ;; *) echo 29.0.0 ;; esac ;;
  inspect) [ -e "$FAKE/container" ] || { echo "no such container" >&2; exit 1; }; echo "$(cat "$FAKE/container") $([ -e "$FAKE/stopped" ] && echo false || echo true)" ;;
  start) rm -f "$FAKE/stopped" ;;
  exec) [ -e "$FAKE/not-ready" ] && { echo "timed out waiting for the condition" >&2; exit 1; }; exit 0 ;;
  build) [ -e "$FAKE/no-build" ] && { echo "manifest for base not found" >&2; exit 1; }; exit 0 ;;
  save) [ -e "$FAKE/no-save" ] && { echo "no such image" >&2; exit 1; }; : >"$5" ;;
esac
`;

const kind = `#!/bin/sh
echo "kind $*" >>"$FAKE/calls"
case "$1 $2" in
  "create cluster") cat >"$FAKE/config"; echo made-$(date +%s%N) >"$FAKE/container"
    [ -e "$FAKE/no-create" ] && { echo "Creating cluster" >&2; echo "ERROR: failed to create cluster: node image" >&2; exit 1; }; exit 0 ;;
  "delete cluster") rm -f "$FAKE/container" "$FAKE/stopped" ;;
  "get kubeconfig") echo "kubeconfig of $4" ;;
  "load docker-image") [ -e "$FAKE/no-load" ] && { echo "ctr: content digest sha256:1: not found" >&2; exit 1; }; exit 0 ;;
  "load image-archive") [ -e "$FAKE/no-archive" ] && { echo "no space left on device" >&2; exit 1; }; exit 0 ;;
esac
`;

/** What a test can break: a file of that name makes the tool fail there. */
export type Fault =
  | "no-docker"
  | "no-create"
  | "no-build"
  | "no-load"
  | "no-save"
  | "no-archive"
  | "not-ready"
  | "stopped";

export interface FakeTools {
  /** A folder for the code under test. */
  readonly stateDir: string;
  /** The command lines so far. */
  calls(): string[];
  breakAt(fault: Fault): void;
  /** Removes the cluster behind everybody's back. */
  loseCluster(): void;
  hasCluster(): boolean;
  /** Puts the record back to where it is while kind creates. */
  forgetContainer(): void;
  /** Takes one tool off PATH. */
  uninstall(tool: "docker" | "kind"): void;
  [Symbol.dispose](): void;
}

/** Puts the fakes first on PATH until disposed. */
export function fakeTools(): FakeTools {
  const folder = mkdtempSync(join(tmpdir(), "fake-kind-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const [name, text] of Object.entries({ docker, kind })) {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }
  const before = process.env["PATH"] ?? "";
  process.env["PATH"] = [bin, "/usr/bin", "/bin"].join(delimiter);
  process.env["FAKE"] = folder;
  return {
    stateDir: join(folder, "state"),
    calls: () =>
      existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : [],
    breakAt: fault => writeFileSync(join(folder, fault), ""),
    loseCluster: () => rmSync(join(folder, "container"), { force: true }),
    hasCluster: () => existsSync(join(folder, "container")),
    forgetContainer: () => {
      const file = join(folder, "state", "kind.json");
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), container: "" }));
    },
    uninstall: tool => {
      rmSync(join(bin, tool));
      process.env["PATH"] = bin;
    },
    [Symbol.dispose]: () => {
      process.env["PATH"] = before;
      delete process.env["FAKE"];
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
