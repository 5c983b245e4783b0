/** Where a supervisor listens. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** What fits into sockaddr_un's sun_path with its final zero: 108 bytes on Linux, 104 on macOS and BSD. */
const longestPath = 103;

/**
 * The socket is in the state folder; where that path is too long, in a folder of this user's own below the temporary
 * folder, named after a hash of the state folder.
 */
export function socketPath(stateDir: string, temporary: string = tmpdir(), uid: number = userInfo().uid): string {
  const direct = join(stateDir, "supervisor.sock");
  if (Buffer.byteLength(direct) <= longestPath) return direct;
  const hash = createHash("sha256").update(stateDir).digest("hex").slice(0, 16);
  return join(temporary, `dynamic-mode-${uid}`, `${hash}.sock`);
}

/** Makes sure that nobody else can put a socket, or a link, where we expect ours. */
export function secureSocketDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  const uid = userInfo().uid;
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid)) throw new Error(`${dir} belongs to another user`);
}
