import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRecord, jsonOf, recordOf, recordsOf } from "./json.ts";

const notRecords = [undefined, null, true, 0, "", "text", [], [{}], () => ({})];

describe("isRecord", () => {
  it.each([[{}], [{ a: 1 }], [Object.create(null)]])("takes %o", value => {
    expect(isRecord(value)).toBe(true);
  });

  it.each(notRecords.map(value => [value]))("does not take %o", value => {
    expect(isRecord(value)).toBe(false);
  });
});

describe("recordOf", () => {
  it("gives the object itself", () => {
    const value = { a: 1 };
    expect(recordOf(value)).toBe(value);
  });

  it.each(notRecords.map(value => [value]))("is empty for %o", value => {
    expect(recordOf(value)).toStrictEqual({});
  });
});

describe("recordsOf", () => {
  it("leaves out what is no object", () => {
    expect(recordsOf([{ a: 1 }, null, "text", [{}], {}])).toStrictEqual([{ a: 1 }, {}]);
  });

  it.each([[undefined], [null], ["text"], [{ length: 1 }]])("is empty for %o", value => {
    expect(recordsOf(value)).toStrictEqual([]);
  });
});

describe("jsonOf", () => {
  it("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(jsonOf(JSON.stringify(value))).toStrictEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each(["", "{", "undefined", "{'a': 1}", "1 2"])("has nothing for %j", text => {
    expect(jsonOf(text)).toBeUndefined();
  });
});
