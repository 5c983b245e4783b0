/**
 * Copies of a WebAssembly memory, and the way back to one.
 *
 * Most of a memory is zero and has never been written: such chunks are neither kept nor written, so that the operating
 * system need not give them.
 */

const chunkBytes = 16 * 1024;
const zeros = new Uint8Array(chunkBytes);
const mebibyte = 1024 * 1024;

export interface Snapshot {
  /** The chunks that are not all zero, by their offset. */
  readonly chunks: ReadonlyMap<number, Uint8Array>;
  /** All that lies at or after this offset is zero. */
  readonly end: number;
}

export function takeSnapshot(memory: Uint8Array): Snapshot {
  const chunks = new Map<number, Uint8Array>();
  let end = 0;
  for (let at = 0; at < memory.length; at += chunkBytes) {
    const chunk = memory.subarray(at, at + chunkBytes);
    if (isZero(chunk)) continue;
    chunks.set(at, chunk.slice());
    end = at + chunkBytes;
  }
  return { chunks, end };
}

/**
 * Sets the memory back. What a run has left after the snapshot's end is wiped: up to the first MiB that no run has
 * touched, or to the end of the memory with `thoroughly`.
 */
export function restoreSnapshot(memory: Uint8Array, { chunks, end }: Snapshot, thoroughly = false): void {
  let untouched = 0;
  for (let at = 0; at < memory.length; at += chunkBytes) {
    const chunk = memory.subarray(at, at + chunkBytes);
    const kept = chunks.get(at);
    if (kept) {
      chunk.set(kept);
    } else if (!isZero(chunk)) {
      chunk.fill(0);
      untouched = 0;
    } else if (at >= end) {
      untouched += chunkBytes;
      if (untouched >= mebibyte && !thoroughly) return;
    }
  }
}

function isZero(chunk: Uint8Array): boolean {
  return Buffer.compare(chunk, zeros) === 0;
}
