import { defineErrors } from "../lib/errors.ts";

/** What a person meets at `npm start`, `npm run secret`, `npm run destroy` and `npm run pulumi`. */
export const errors = defineErrors({
  SCRIPT_USAGE: {
    message: (f: { problem: string; usage: string }) => `${f.problem}\nusage: ${f.usage}`,
    todo: "Run it again as the usage line says.",
  },
  SCRIPT_ARGUMENTS: {
    message: (f: { problem: string }) => f.problem,
    todo: "README.md lists every command; a value that begins with - goes behind --: `npm run secret -- -- -value`.",
  },
  STACK_UNKNOWN: {
    message: (f: { stack: string; known: readonly string[] }) =>
      `there is no Pulumi.${f.stack}.yaml; stacks with settings: ${f.known.join(", ")}`,
    todo: "Name one of them, or write that file: Pulumi.yaml describes every key.",
  },
  STACK_ABSENT: {
    message: () => "there is no running stack",
    todo: "Bring one up with `npm start`.",
  },
  STACK_SILENT: {
    message: (f: { stack: string; problem: string }) =>
      `stack ${f.stack} is broken, so nothing was changed: ${f.problem}`,
    todo: "Run `npm start`, which repairs it, then the same command again.",
  },
  STACK_BUSY: {
    message: (f: { stack: string; pid: number; since: string }) =>
      `stack ${f.stack} is in use: process ${f.pid} has worked on it since ${f.since}`,
    todo: "Wait until it is done, or stop that process, then run the command again.",
  },
  PULUMI_FAILED: {
    message: (f: { command: string; said: string }) => `\`pulumi ${f.command}\` failed${f.said ? `:\n${f.said}` : ""}`,
    todo: "Remove the cause named above, then run the same command again: it goes on where this one stopped.",
  },
  INTERRUPTED: {
    message: (f: { command: string }) => `\`pulumi ${f.command}\` was interrupted and has stopped in order`,
    todo: "The same command goes on where this one stopped; `npm run destroy` ends what is there.",
  },
  BACKEND_NOT_READY: {
    message: (f: { backend: string; problem: string }) => `Backend ${f.backend} is not Ready: ${f.problem}`,
    todo: "Remove that cause, then run `npm start` again; the logs are in .state.",
  },
  VAULT_REFUSED: {
    message: (f: { address: string; status: number }) => `Vault at ${f.address} answers ${f.status}`,
    todo: "Run `npm start`, which repairs what is broken.",
  },
  CHAIN_BROKEN: {
    message: (f: { missing: string; seconds: number }) =>
      `after ${f.seconds} s the change has not arrived everywhere; missing: ${f.missing}`,
    todo: "Look at the Backend's status and at the logs in .state, then run `npm start`, which repairs what is broken.",
  },
  CLEAN_DESTROY_FAILED: {
    message: () => "nothing was removed, as the stack could not be destroyed",
    todo: "Remove the cause named above, then run `npm run clean` again.",
  },
  CLEAN_STILL_RUNNING: {
    message: (f: { processes: readonly string[] }) =>
      `nothing was removed, as these still use .tools or .state:\n  ${f.processes.join("\n  ")}`,
    todo: "End them, then run `npm run clean` again.",
  },
});
