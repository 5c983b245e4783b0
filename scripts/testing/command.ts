/** Child processes of the scripts. */
import { spawn } from "node:child_process";
import { root } from "../paths.ts";

/** Runs a command on this terminal, in the repository; returns its exit code, 127 when it is not there. */
export function onTerminal(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, [...args], { cwd: root, stdio: "inherit" });
  return new Promise(resolve => {
    child.once("error", () => resolve(127));
    child.once("exit", code => resolve(code ?? 1));
  });
}

/** Runs a command and keeps what it says, on both streams, for the case that it fails. */
export function quietly(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(command, [...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise(resolve => {
    child.once("error", error => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.once("close", code => resolve({ code: code ?? 1, output }));
  });
}
