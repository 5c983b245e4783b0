import fc from "fast-check";
import { expect, test } from "vitest";
import { restoreSnapshot, takeSnapshot } from "./snapshot.ts";

const size = 4 * 1024 * 1024;
const writes = fc.array(fc.tuple(fc.nat({ max: size - 1 }), fc.integer({ min: 1, max: 255 })), { maxLength: 30 });

function write(memory: Uint8Array, marks: readonly (readonly [number, number])[]): void {
  for (const [at, byte] of marks) memory[at] = byte;
}

test("a thorough restore gives back exactly what was there", () => {
  fc.assert(
    fc.property(writes, writes, (before, after) => {
      const memory = new Uint8Array(size);
      write(memory, before);
      const copy = memory.slice();
      const snapshot = takeSnapshot(memory);
      write(memory, after);
      restoreSnapshot(memory, snapshot, true);
      expect(Buffer.compare(memory, copy)).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test("a quick restore gives back what the snapshot holds and wipes what directly follows", () => {
  const memory = new Uint8Array(size);
  memory[5] = 1;
  const snapshot = takeSnapshot(memory);
  write(memory, [
    [5, 2],
    [20_000, 3],
    [1_000_000, 4],
  ]);
  restoreSnapshot(memory, snapshot);
  expect(memory.indexOf(1)).toBe(5);
  expect(memory.subarray(6).every(byte => byte === 0)).toBe(true);
});

test("only what is not zero is kept", () => {
  const memory = new Uint8Array(size);
  memory[3 * 1024 * 1024] = 1;
  const { chunks } = takeSnapshot(memory);
  expect([...chunks.values()].reduce((sum, chunk) => sum + chunk.length, 0)).toBe(16 * 1024);
});
