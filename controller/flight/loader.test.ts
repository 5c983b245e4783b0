import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { flightModuleOf } from "./loader.ts";

const text = (source: string) => new TextEncoder().encode(source);
const wasm = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

test("modules are told apart by content, the digest is of what is run", () => {
  const digest = createHash("sha256").update("export default 1").digest("hex");
  expect(flightModuleOf(text("export default 1"))).toMatchObject({ kind: "javascript", digest });
  expect(flightModuleOf(wasm)).toMatchObject({ kind: "wasm" });
});

test.each([
  ["nothing", new Uint8Array()],
  ["blanks", text(" \n")],
  ["an executable", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0])],
  ["broken UTF-8", new Uint8Array([0x61, 0xff])],
  ["gzip", new Uint8Array([0x1f, 0x8b, 1, 2, 3])],
])("%s is no module", (_, bytes) => {
  expect(() => flightModuleOf(bytes)).toThrow(expect.objectContaining({ code: "FLIGHT_BAD_MODULE" }));
});

test("any bytes give a module or a coded error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        flightModuleOf(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "FLIGHT_BAD_MODULE" });
      }
    }),
  );
});
