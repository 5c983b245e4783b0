import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  deepDiff,
  formatPath,
  hasSecret,
  hasUnknown,
  isObject,
  type Properties,
  redact,
  rewrap,
  secret,
  secretStrings,
  UNKNOWN,
  unwrap,
  type Value,
} from "./wire.ts";

const name = fc.stringMatching(/^[a-z]{1,4}$/);
const { value: anyValue } = fc.letrec<{ value: Value; object: Properties }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
}));
const anyObject = fc.dictionary(name, anyValue, { maxKeys: 4, noNullPrototype: true });

/** Tags some of the leaves. */
const someSecret = (value: Value, pick: () => boolean): Value => {
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, someSecret(item, pick)]));
  }
  return pick() ? secret(value) : value;
};

describe("secrets", () => {
  it("come back under every path where the inputs had one", () => {
    fc.assert(
      fc.property(anyObject, fc.infiniteStream(fc.boolean()), (plain, choices) => {
        const tagged = someSecret(plain, () => choices.next().value) as Properties;
        const outputs = rewrap(plain, tagged);
        expect(unwrap(outputs)).toEqual(plain);
        expect(hasSecret(outputs)).toBe(hasSecret(tagged));
        expect(secretStrings(outputs).toSorted()).toEqual(secretStrings(tagged).toSorted());
      }),
    );
  });

  it("make a whole list secret, because a server may reorder it", () => {
    const outputs = rewrap({ list: ["b", "a"] }, { list: ["a", secret("b")] });
    expect(outputs.list).toEqual(secret(["b", "a"]));
  });

  it("are wrapped once, whatever is inside", () => {
    expect(secret(secret({ a: secret("x") }))).toEqual(secret({ a: "x" }));
  });

  it("leave texts for people, the longest first", () => {
    expect(redact("token abcdef and abc, at x", ["abc", "abcdef", "x"])).toBe("token [secret] and [secret], at x");
  });
});

describe("deepDiff", () => {
  it("finds nothing between equal values", () => {
    fc.assert(
      fc.property(anyValue, value => {
        expect(deepDiff(value, structuredClone(value))).toEqual([]);
      }),
    );
  });

  it("finds something between values that differ", () => {
    fc.assert(
      fc.property(anyObject, anyObject, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(deepDiff(a, b).length === 0).toBe(same);
      }),
    );
  });

  it("names each leaf and how it changed", () => {
    const changes = deepDiff(
      { a: 1, list: ["x", "y"], gone: true, "k/l": { deep: 1 } },
      { a: UNKNOWN, list: ["x"], "k/l": { deep: 1, more: null } },
    );
    expect(changes.map(({ path, kind }) => `${kind} ${formatPath(path)}`)).toEqual([
      "update a",
      "delete list[1]",
      "delete gone",
      'add ["k/l"].more',
    ]);
  });

  it("takes an asset for one leaf", () => {
    const asset = (hash: string): Value => ({ "4dabf18193072939515e22adb298388d": "c44067f5952c", hash });
    expect(deepDiff({ f: asset("1") }, { f: asset("2") })).toEqual([{ path: ["f"], kind: "update" }]);
  });
});

it("sees an unknown at any depth", () => {
  expect(hasUnknown({ a: [{ b: secret(UNKNOWN) }] })).toBe(true);
  expect(hasUnknown({ a: [{ b: "known" }] })).toBe(false);
});

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]): [string, Value] => [key, sorted(item)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
