import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { flightModuleOf, parseModuleUrl } from "./loader.ts";

const text = (source: string) => new TextEncoder().encode(source);
const wasm = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

test("modules are told apart by content, gzip is unpacked, the digest is of what is run", () => {
  const digest = createHash("sha256").update("export default 1").digest("hex");
  expect(flightModuleOf(text("export default 1"))).toMatchObject({ kind: "javascript", digest });
  expect(flightModuleOf(gzipSync("export default 1"))).toMatchObject({ kind: "javascript", digest });
  expect(flightModuleOf(wasm)).toMatchObject({ kind: "wasm" });
  expect(flightModuleOf(gzipSync(wasm))).toEqual(flightModuleOf(wasm));
});

test.each([
  ["nothing", new Uint8Array()],
  ["blanks", text(" \n")],
  ["an executable", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0])],
  ["broken UTF-8", new Uint8Array([0x61, 0xff])],
  ["broken gzip", new Uint8Array([0x1f, 0x8b, 1, 2, 3])],
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

test("a ConfigMap's URL is taken apart", () => {
  expect(parseModuleUrl("configmap://atc-system/backend-flight/flight.js")).toEqual({
    scheme: "configmap",
    namespace: "atc-system",
    name: "backend-flight",
    key: "flight.js",
  });
});

test.each([
  ["oci://registry.example/flight:v1", "FLIGHT_URL_UNSUPPORTED"],
  ["https://example.com/flight.wasm", "FLIGHT_URL_UNSUPPORTED"],
  ["file:///flights/flight.wasm", "FLIGHT_URL_UNSUPPORTED"],
  ["./flight.wasm", "FLIGHT_URL_UNSUPPORTED"],
  ["configmap://only/two", "FLIGHT_URL_INVALID"],
  ["configmap://a/b/c/d", "FLIGHT_URL_INVALID"],
  ["configmap://a//c", "FLIGHT_URL_INVALID"],
  ["gopher://x", "FLIGHT_URL_INVALID"],
])("%s is refused with %s", (url, code) => {
  expect(() => parseModuleUrl(url)).toThrow(expect.objectContaining({ code }));
});
