/** The supervisor's process: `node local/supervisor/main.ts STATE_DIR`, started by client.ts. */
import { CodedError } from "../../lib/errors.ts";
import { withLock } from "../lock.ts";
import { Supervisor } from "./daemon.ts";

const stateDir = process.argv[2] ?? "";
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

process.on("SIGHUP", () => {}); // a closed terminal is none of its business

try {
  await withLock(stateDir, "supervisor", async () => {
    log(`supervisor started, pid ${process.pid}`);
    const supervisor = new Supervisor(stateDir, log);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void supervisor.stopAll());
    await supervisor.serve();
    log("supervisor ended");
  });
} catch (error) {
  // Two commands that start one at the same time: the other has won.
  if (!(error instanceof CodedError && error.code === "LOCAL_LOCKED")) throw error;
}
