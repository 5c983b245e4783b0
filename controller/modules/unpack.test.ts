import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unpack } from "./unpack.ts";

describe("what was downloaded", () => {
  it("is unpacked, also when it was packed twice", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.integer({ min: 0, max: 2 }),
        async (bytes, times) => {
          fc.pre(bytes[0] !== 0x1f);
          let packed: Uint8Array = bytes;
          for (let layer = 0; layer < times; layer++) packed = gzipSync(packed);
          expect(Buffer.from(await unpack(packed, "url"))).toEqual(Buffer.from(bytes));
        },
      ),
    );
  });

  it("is refused where its packing is broken, whatever stands in it", async () => {
    const cut = fc.record({ bytes: fc.uint8Array({ maxLength: 100 }), at: fc.nat(120), letter: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(cut, async ({ bytes, at, letter }) => {
        const packed = gzipSync(bytes);
        if (at < packed.length) packed[at] = letter;
        try {
          await unpack(packed.subarray(0, Math.max(at, 2)), "url");
        } catch (error) {
          expect(error).toMatchObject({ code: "MODULE_UNPACK" });
        }
      }),
    );
  });
});
