/** Errors of the embedded substrate. */
import { defineErrors } from "../lib/errors.ts";

export const localErrors = defineErrors({
  LOCAL_TOOL_MISSING: {
    message: (f: { tool: string }) => `${f.tool} is not on PATH`,
    todo: "Run `npm start`, which builds the tools into .tools/bin, or put the binary on PATH.",
  },
  LOCAL_PORT_TAKEN: {
    message: (f: { what: string; port: number; owner: string | undefined }) =>
      `${f.what} cannot listen on 127.0.0.1:${f.port}: the port is taken${f.owner === undefined ? "" : ` by ${f.owner}`}`,
    todo: "Stop the process that owns the port, or choose another; for Vault `npm run pulumi -- config set vaultPort 0`, where 0 takes a free one.",
  },
  LOCAL_PORT_REFUSED: {
    message: (f: { what: string; port: number; reason: string }) =>
      `${f.what} cannot listen on 127.0.0.1:${f.port}: ${f.reason}`,
    todo: "Configure a port between 1024 and 65535.",
  },
  LOCAL_LOCKED: {
    message: (f: { what: string; pid: number; command: string; since: string }) =>
      `${f.what} is already running here: process ${f.pid} (${f.command}), since ${f.since}`,
    todo: "Wait until it is done, or stop that process, then run the command again.",
  },
  LOCAL_CLUSTER_CREATE_FAILED: {
    message: (f: { name: string; output: string }) => `kwokctl could not create the cluster ${f.name}: ${f.output}`,
    todo: "Run the command again; if it stays so, `npm run destroy` and `npm start` begin from nothing.",
  },
  LOCAL_CLUSTER_NOT_READY: {
    message: (f: { name: string; problems: string; log: string }) =>
      `the cluster ${f.name} did not become ready: ${f.problems}${f.log === "" ? "" : `\n${f.log}`}`,
    todo: "Read the named log; `npm run destroy` and `npm start` begin from nothing.",
  },
  LOCAL_CLUSTER_RENAMED: {
    message: (f: { stateDir: string; recorded: string; asked: string }) =>
      `${f.stateDir} holds the cluster ${f.recorded}, not ${f.asked}`,
    todo: "Use the recorded name, another state folder, or `npm run destroy` first.",
  },
  LOCAL_SPEC_INVALID: {
    message: (f: { problems: string }) => `the service specification is not valid: ${f.problems}`,
    todo: "Correct the named fields; local/services.ts builds valid specifications.",
  },
  LOCAL_SERVICE_NOT_READY: {
    message: (f: { name: string; problem: string; logFile: string; log: string }) =>
      `the service ${f.name} did not become ready: ${f.problem}; the end of ${f.logFile}:\n${f.log}`,
    todo: "Read the log file, remove the cause, and run the command again.",
  },
  LOCAL_LOGIN_FAILED: {
    message: (f: { account: string; problem: string }) =>
      `the cluster gives no token for the ServiceAccount ${f.account}: ${f.problem}`,
    todo: "Run the command again; `npm run pulumi -- refresh --yes` first, if somebody has removed the account.",
  },
  LOCAL_SUPERVISOR_UNREACHABLE: {
    message: (f: { stateDir: string; problem: string; log: string }) =>
      `the supervisor of ${f.stateDir} does not answer: ${f.problem}${f.log === "" ? "" : `\n${f.log}`}`,
    todo: "Run the command again; `node local/cli.ts down --all --state DIR` ends everything in that folder.",
  },
  LOCAL_SUPERVISOR_FAILED: {
    message: (f: { problem: string }) => `the supervisor failed: ${f.problem}`,
    todo: "Read supervisor.log in the state folder, and report it: this is a defect.",
  },
  LOCAL_PROCESS_STUCK: {
    message: (f: { pids: string }) => `processes ${f.pids} did not end after SIGKILL`,
    todo: "They hang in the kernel (a stalled disk?): end them by hand and run the command again.",
  },
  LOCAL_USAGE: {
    message: (f: { problem: string }) => f.problem,
    todo: "`node local/cli.ts help` lists the commands.",
  },
});
