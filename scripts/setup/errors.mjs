/** What can go wrong before Node 24 and the dependencies are there. The same shape as `CodedError` of lib/errors.ts. */
export class SetupError extends Error {
  /**
   * @param {string} code
   * @param {string} message what happened and where
   * @param {string} todo what to do about it
   */
  constructor(code, message, todo) {
    super(message);
    this.name = "SetupError";
    this.code = code;
    this.todo = todo;
  }
}

export const setupErrors = {
  /** @param {{ task: string | undefined, tasks: readonly string[] }} facts */
  SETUP_UNKNOWN_TASK: ({ task, tasks }) =>
    new SetupError(
      "SETUP_UNKNOWN_TASK",
      task === undefined ? "no task was named" : `there is no task "${task}"`,
      `Name one of these: ${tasks.join(", ")}.`,
    ),
  /** @param {{ platform: string }} facts */
  SETUP_NO_NODE_PACKAGE: ({ platform }) =>
    new SetupError(
      "SETUP_NO_NODE_PACKAGE",
      `npm has no Node 24 for ${platform}`,
      "Install Node 24 or newer yourself (https://nodejs.org) and run the command with it.",
    ),
  /** @param {{ what: string, log: string, tail: string }} facts */
  SETUP_NPM_FAILED: ({ what, log, tail }) =>
    new SetupError(
      "SETUP_NPM_FAILED",
      `npm could not install ${what}; the end of ${log}:\n${tail}`,
      "Check the network and npm's registry (`npm config get registry`), then run the command again.",
    ),
  /** @param {{ what: string }} facts */
  SETUP_STOPPED: ({ what }) =>
    new SetupError("SETUP_STOPPED", `the installation of ${what} was stopped`, "Run the command again."),
};
