import { expect, test } from "vitest";
import { mapStack, splitSourceMap } from "./sourceMap.ts";

/** Column 0 to 9 is line 5 of flight.ts; what follows is nobody's. */
const map = JSON.stringify({ version: 3, sources: ["flight.ts"], names: [], mappings: "AAIA,U;" });
const comment = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString("base64")}`;

test("the map is taken off the end of the code", () => {
  expect(splitSourceMap(`export default 1;\n${comment}\n`)).toEqual({ code: "export default 1;", map });
  const signature = '//# yoke.schematics:signature={"Fingerprint":"","Signature":""}';
  expect(splitSourceMap(`export default 1;\n${comment}\n${signature}\n`)).toEqual({ code: "export default 1;", map });
  expect(splitSourceMap("export default 1;")).toEqual({ code: "export default 1;", map: undefined });
});

test("places with a source are replaced, others stay", () => {
  const stack = "at a (flight.js:1:4)\nat b (flight.js:1:20)\nat c (prelude.js:1:4)";
  expect(mapStack(stack, "flight.js", map)).toBe("at a (flight.ts:5)\nat b (flight.js:1:20)\nat c (prelude.js:1:4)");
});

test.each([undefined, "", "{", "null", '{"version":3}', '{"mappings":5}'])("map %j changes nothing", broken => {
  expect(mapStack("at a (flight.js:1:4)", "flight.js", broken)).toBe("at a (flight.js:1:4)");
});
