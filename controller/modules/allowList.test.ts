import fc from "fast-check";
import { expect, test } from "vitest";
import { createAllowList } from "./allowList.ts";

const allows = (pattern: string, url: string) => createAllowList([pattern]).allows(url);

test("an empty list allows all", () => {
  expect(createAllowList([]).allows("oci://example.com/anything")).toBe(true);
});

test.each([
  ["oci://host/repo/mod:2.*", "oci://host/repo/mod:2.1.4"],
  ["http://example.com:*/*", "http://example.com:8080/flight.wasm"],
  ["https://example.com/*", "https://example.com/"],
  ["**", "anything"],
  ["a?c", "aßc"],
  ["[a-c][^0-9]", "bx"],
  ["[\\]]x", "]x"],
  ["\\*", "*"],
  ["x[/]y", "x/y"],
  ["", ""],
])("%s admits %s", (pattern, url) => {
  expect(allows(pattern, url)).toBe(true);
});

test.each([
  ["oci://host/repo/mod:2.*", "oci://host/repo/mod:1.0.0"],
  ["oci://host/*", "oci://host/team/mod"],
  ["oci://host/*", "https://host/mod"],
  ["http://example.com:*/*", "http://example.com:80/a/b"],
  ["a?c", "a/c"],
  ["[a-c]", "d"],
  ["abc", "abcd"],
  ["*c", "abd"],
  ["", "x"],
])("%s does not admit %s", (pattern, url) => {
  expect(allows(pattern, url)).toBe(false);
});

test.each(["[", "[]", "[a", "[a-", "[a-]", "[-a]", "[^]", "a\\", "[\\", "*["])("%s is not valid", pattern => {
  const list = createAllowList([pattern]);
  expect(list.invalid).toEqual([pattern]);
  expect(list.allows(pattern)).toBe(false);
  // But it does not open the list.
  expect(list.allows("x")).toBe(false);
});

/** The meaning without any cleverness; classes are left out, whose slashes make Go's matcher differ from all others. */
function oracle([head, ...rest]: readonly string[], text: readonly string[]): boolean {
  if (head === undefined) return text.length === 0;
  const [first, ...others] = text;
  if (head === "*") {
    return oracle(rest, text) || (first !== undefined && first !== "/" && oracle([head, ...rest], others));
  }
  if (first === undefined || (head === "?" ? first === "/" : head !== first)) return false;
  return oracle(rest, others);
}

test("patterns mean what they say", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "/", "*", "?", ":"), { maxLength: 8 });
  const text = fc.array(fc.constantFrom("a", "b", "/", ":"), { maxLength: 10 });
  fc.assert(
    fc.property(pattern, text, (parts, characters) => {
      expect(allows(parts.join(""), characters.join(""))).toBe(oracle(parts, characters));
    }),
    { numRuns: 2000 },
  );
});

test("any pattern is taken or refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (pattern, text) => {
      expect(typeof allows(pattern, text)).toBe("boolean");
    }),
  );
});

test("a text in which each character is escaped matches itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), text => {
      const escaped = [...text].map(character => `\\${character}`).join("");
      expect(allows(escaped, text)).toBe(true);
    }),
  );
});
