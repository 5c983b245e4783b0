import fc from "fast-check";
import { expect, test } from "vitest";
import { Sink } from "./sink.ts";

test("pieces of any size come out as one text, up to the limit", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), fc.nat(200), (pieces, limit) => {
      const sink = new Sink(limit);
      for (const piece of pieces) for (const byte of Buffer.from(piece)) sink.write(Uint8Array.of(byte));
      const whole = Buffer.from(pieces.join(""));
      expect(sink.length).toBe(Math.min(limit, whole.length));
      expect(sink.overflown).toBe(whole.length > limit);
      expect(whole.toString().startsWith(sink.text())).toBe(true);
      if (!sink.overflown) expect(sink.text()).toBe(whole.toString());
    }),
  );
});

test("a character that does not fit is left out, a byte order mark is kept", () => {
  const sink = new Sink(4);
  sink.write(Buffer.from("\ufeffö"));
  expect(sink.text()).toBe("\ufeff");
});
