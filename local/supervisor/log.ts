/** Log files that do not grow without bound. */
import { copyFileSync, statSync, truncateSync } from "node:fs";

const largestBytes = 5 * 1024 * 1024;

/**
 * Moves a log that has grown too large aside as FILE.1. The service keeps the file open for appending, so it is copied
 * and emptied in place; a line written in between is lost.
 */
export function boundLog(file: string, largest: number = largestBytes): void {
  try {
    if (statSync(file).size <= largest) return;
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
  } catch {
    // Not there yet, or removed with its state folder.
  }
}
